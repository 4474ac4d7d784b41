#define _GNU_SOURCE
#include "CPosix.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int dposix_pipe_cloexec(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

void dposix_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

void dposix_error_text(int code, char *buffer, size_t size) {
    char scratch[256];
    const char *text = strerror_r(code, scratch, sizeof scratch);
    if (size == 0) return;
    strncpy(buffer, text, size - 1);
    buffer[size - 1] = 0;
}

// Descriptors are read by the handler, so they are plain ints at fixed places.
static volatile int forward_to[65];

static void forward(int signal_number) {
    int saved = errno;
    unsigned char byte = (unsigned char)signal_number;
    // A full pipe means that a wake-up is already under way.
    ssize_t written = write(forward_to[signal_number], &byte, 1);
    (void)written;
    errno = saved;
}

static int handle(int signal_number, void (*handler)(int)) {
    struct sigaction action = {0};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    return sigaction(signal_number, &action, NULL);
}

int dposix_forward_signal(int signal_number, int descriptor) {
    if (signal_number < 1 || signal_number > 64) return EINVAL;
    forward_to[signal_number] = descriptor;
    return handle(signal_number, forward);
}

int dposix_default_signal(int signal_number) { return handle(signal_number, SIG_DFL); }
int dposix_ignore_signal(int signal_number) { return handle(signal_number, SIG_IGN); }

int dposix_unacknowledged(int socket) {
    int bytes = 0;
    return ioctl(socket, SIOCOUTQ, &bytes) == 0 ? bytes : -1;
}

int dposix_bytes_wait(int socket) {
    char byte;
    return recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

int dposix_spawn_detached(
    pid_t *process, const char *path, char *const arguments[], char *const environment[], int log, int readiness) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    int error = posix_spawn_file_actions_init(&files);
    if (error) return error;
    error = posix_spawnattr_init(&attributes);
    if (error) {
        posix_spawn_file_actions_destroy(&files);
        return error;
    }
    if (!error) error = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    if (!error) error = posix_spawn_file_actions_adddup2(&files, log, 1);
    if (!error) error = posix_spawn_file_actions_adddup2(&files, log, 2);
    if (!error) error = posix_spawn_file_actions_adddup2(&files, readiness, 3);
    if (!error) error = posix_spawn_file_actions_addclosefrom_np(&files, 4);
    if (!error) error = posix_spawn_file_actions_addchdir_np(&files, "/");
    if (!error) error = posix_spawnattr_setsigdefault(&attributes, &all);
    if (!error) error = posix_spawnattr_setsigmask(&attributes, &none);
    if (!error)
        error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    if (!error) error = posix_spawn(process, path, &files, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return error;
}
