#include "CSQLite.h"

#include <sqlite3.h>

int dsqlite_count_memory(int is_counted) { return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, is_counted); }
int dsqlite_lookaside(int bytes, int blocks) { return sqlite3_config(SQLITE_CONFIG_LOOKASIDE, bytes, blocks); }
int dsqlite_run_triggers(sqlite3 *connection, int are_run) {
    return sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_TRIGGER, are_run, (int *)0);
}
