#ifndef CPOSIX_H
#define CPOSIX_H

#include <stddef.h>
#include <sys/types.h>

// What Swift's Glibc module leaves out (needs _GNU_SOURCE) or cannot call (variadic), one typed function each.

int dposix_pipe_cloexec(int ends[2]);
void dposix_name_thread(const char *name);
void dposix_error_text(int code, char *buffer, size_t size);

/// From now on `signal_number` writes its number as one byte to `descriptor` (a non-blocking pipe). Async-signal-safe.
int dposix_forward_signal(int signal_number, int descriptor);
int dposix_default_signal(int signal_number);
int dposix_ignore_signal(int signal_number);

/// A socket that no child inherits, -1 for failure.
int dposix_socket(int family, int type, int protocol);
/// Connects to a Unix socket; gives up after so many milliseconds. A descriptor that no child inherits, or minus an errno.
int dposix_connect_local(const char *path, int timeout_milliseconds);
/// The user at the other end of a Unix socket; -1 when it cannot be told.
long dposix_peer_user(int socket);
/// The two ports of a connected TCP socket; 0 when it is none.
int dposix_ports(int socket, int *local, int *peer);
/// Bytes written to the socket that the peer has not acknowledged yet; negative when it cannot be told.
int dposix_unacknowledged(int socket);
/// 1 when bytes wait to be read on the socket; they stay there.
int dposix_bytes_wait(int socket);

/// Sends one datagram to a Unix socket, whose name is abstract when it begins with `@`. Waits a second at most. Returns 0 or an errno.
int dposix_send_datagram(const char *path, const char *bytes, size_t size);

/// Raises the soft limit of open descriptors to the hard one; both are told. Returns 0 or an errno.
int dposix_raise_descriptors(unsigned long *soft, unsigned long *hard);
/// The limits of open descriptors as they are.
int dposix_descriptor_limits(unsigned long *soft, unsigned long *hard);
/// Processor time of the process so far, in microseconds.
long long dposix_processor_time(void);

/// How often the calling thread has given up the processor by itself, to wait for something.
long dposix_voluntary_waits(void);

/// No core dump, and no other process of the same user looks into this one's memory, environment or descriptors. Returns 0 or an errno.
int dposix_keep_memory_private(void);

/// A set of descriptors that are watched, as a descriptor; -1 with `errno`.
int dposix_watch_open(void);
/// Watches a descriptor for `events` (1: can be read, 2: can be written) from now on; 0: no more. Returns 0 or an errno.
int dposix_watch(int set, int descriptor, int events, int is_watched);
/// Waits until something happens to one of them, at most so long. Writes up to `most` descriptors and what happened: 1 and 2 as above,
/// 4 for an error or a peer that is gone. Returns how many, 0 also when a signal ended the wait.
int dposix_watch_wait(int set, int descriptors[], int happened[], int most, int milliseconds);
/// A descriptor that can be read once `dposix_wake` was called, until `dposix_woken`; -1 with `errno`.
int dposix_waker_open(void);
void dposix_wake(int waker);
void dposix_woken(int waker);

/// Blocks of up to 4 MiB are kept by malloc when they are freed, 16 MiB of them in all.
void dposix_keep_freed_blocks(void);

/// Starts `path` in a session of its own: standard input from /dev/null, output and errors to `log`, `readiness` as
/// descriptor 3, nothing else open, default signals, working directory `/`. Both descriptors must be above 3.
/// Returns 0 or an errno.
int dposix_spawn_detached(
    pid_t *process, const char *path, char *const arguments[], char *const environment[], int log, int readiness);

/// Starts `path` as the leader of a process group of its own: standard input from /dev/null, output to `output`, errors to
/// `errors`, nothing else open, default signals. Both descriptors must be above 2. Returns 0 or an errno.
int dposix_spawn_captured(
    pid_t *process, const char *path, char *const arguments[], char *const environment[], int output, int errors);
/// Returns when the child has ended; it stays in the process table, so that its number and its group's stay its own.
void dposix_wait_ended(pid_t process);

#endif
