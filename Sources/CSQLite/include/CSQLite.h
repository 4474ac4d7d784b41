#ifndef CSQLITE_H
#define CSQLITE_H

// Typed forms of SQLite's variadic settings, which Swift cannot call; 0 when they are taken. Those of the whole library before its
// first use only.

int dsqlite_count_memory(int is_counted);
/// For each connection: so many blocks of so many bytes.
int dsqlite_lookaside(int bytes, int blocks);

struct sqlite3;
/// Whether statements of a connection run triggers; at any time. Those that are prepared are prepared anew.
int dsqlite_run_triggers(struct sqlite3 *connection, int are_run);

#endif
