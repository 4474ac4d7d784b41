#ifndef CSQLITE_H
#define CSQLITE_H

// Typed forms of SQLite's variadic settings, which Swift cannot call. Before its first use only; 0 when they are taken.

int dsqlite_count_memory(int is_counted);
/// For each connection: so many blocks of so many bytes.
int dsqlite_lookaside(int bytes, int blocks);

#endif
