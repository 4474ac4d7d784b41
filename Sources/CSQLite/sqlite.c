#include "CSQLite.h"

#include <sqlite3.h>

int dsqlite_count_memory(int is_counted) { return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, is_counted); }
int dsqlite_lookaside(int bytes, int blocks) { return sqlite3_config(SQLITE_CONFIG_LOOKASIDE, bytes, blocks); }
