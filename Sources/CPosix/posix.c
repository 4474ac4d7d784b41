#define _GNU_SOURCE
#include "CPosix.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <malloc.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

int dposix_pipe_cloexec(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int dposix_watch_open(void) { return epoll_create1(EPOLL_CLOEXEC); }

int dposix_watch(int set, int descriptor, int events, int is_watched) {
    struct epoll_event event = {0};
    if (events & 1) event.events |= EPOLLIN;
    if (events & 2) event.events |= EPOLLOUT;
    event.data.fd = descriptor;
    int operation = events == 0 ? EPOLL_CTL_DEL : is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(set, operation, descriptor, &event) == 0) return 0;
    // The number was another's, or nobody said that it is not watched any more.
    if (errno == ENOENT && operation == EPOLL_CTL_MOD) operation = EPOLL_CTL_ADD;
    else if (errno == EEXIST && operation == EPOLL_CTL_ADD) operation = EPOLL_CTL_MOD;
    else return errno;
    return epoll_ctl(set, operation, descriptor, &event) == 0 ? 0 : errno;
}

enum { most_events = 64 };

int dposix_watch_wait(int set, int descriptors[], int happened[], int most, int milliseconds) {
    struct epoll_event events[most_events];
    int count = epoll_wait(set, events, most < most_events ? most : most_events, milliseconds);
    for (int i = 0; i < count; i++) {
        descriptors[i] = events[i].data.fd;
        happened[i] = 0;
        if (events[i].events & EPOLLIN) happened[i] |= 1;
        if (events[i].events & EPOLLOUT) happened[i] |= 2;
        if (events[i].events & (EPOLLERR | EPOLLHUP)) happened[i] |= 4;
    }
    return count < 0 ? 0 : count;
}

int dposix_waker_open(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

void dposix_wake(int waker) {
    uint64_t one = 1;
    // It fails only when it is awake already.
    if (write(waker, &one, sizeof one) < 0) return;
}

void dposix_woken(int waker) {
    uint64_t count;
    if (read(waker, &count, sizeof count) < 0) return;
}

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

int dposix_socket(int family, int type, int protocol) { return socket(family, type | SOCK_CLOEXEC, protocol); }

int dposix_connect_local(const char *path, int timeout_milliseconds) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    int descriptor = dposix_socket(AF_UNIX, SOCK_STREAM, 0);
    if (descriptor < 0) return -errno;
    // For a Unix socket the send time-out bounds connect too, which waits only while the server's backlog is full.
    struct timeval timeout = {timeout_milliseconds / 1000, timeout_milliseconds % 1000 * 1000};
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0) {
        int error = errno;
        close(descriptor);
        return -error;
    }
    return descriptor;
}

long dposix_peer_user(int socket) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? (long)peer.uid : -1;
}

static int port(const struct sockaddr_storage *address) {
    if (address->ss_family == AF_INET) return ntohs(((const struct sockaddr_in *)address)->sin_port);
    return address->ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)address)->sin6_port) : 0;
}

int dposix_ports(int socket, int *local, int *peer) {
    struct sockaddr_storage here, there;
    socklen_t here_size = sizeof here, there_size = sizeof there;
    if (getsockname(socket, (struct sockaddr *)&here, &here_size) != 0) return 0;
    if (getpeername(socket, (struct sockaddr *)&there, &there_size) != 0) return 0;
    *local = port(&here);
    *peer = port(&there);
    return *local != 0 && *peer != 0;
}

int dposix_unacknowledged(int socket) {
    int bytes = 0;
    return ioctl(socket, SIOCOUTQ, &bytes) == 0 ? bytes : -1;
}

int dposix_bytes_wait(int socket) {
    char byte;
    return recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

int dposix_send_datagram(const char *path, const char *bytes, size_t size) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length < 2 || length >= sizeof address.sun_path) return ENAMETOOLONG;
    memcpy(address.sun_path, path, length);
    if (path[0] == '@') address.sun_path[0] = 0;
    int descriptor = dposix_socket(AF_UNIX, SOCK_DGRAM, 0);
    if (descriptor < 0) return errno;
    struct timeval timeout = {1, 0};
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    socklen_t name = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    int error = 0;
    while (sendto(descriptor, bytes, size, MSG_NOSIGNAL, (struct sockaddr *)&address, name) < 0) {
        if (errno == EINTR) continue;
        error = errno;
        break;
    }
    close(descriptor);
    return error;
}

static int descriptor_limits(struct rlimit *limits, unsigned long *soft, unsigned long *hard) {
    if (getrlimit(RLIMIT_NOFILE, limits) != 0) return errno;
    *soft = limits->rlim_cur;
    *hard = limits->rlim_max;
    return 0;
}

int dposix_descriptor_limits(unsigned long *soft, unsigned long *hard) {
    struct rlimit limits;
    return descriptor_limits(&limits, soft, hard);
}

int dposix_raise_descriptors(unsigned long *soft, unsigned long *hard) {
    struct rlimit limits;
    int error = descriptor_limits(&limits, soft, hard);
    if (error || limits.rlim_cur == limits.rlim_max) return error;
    limits.rlim_cur = limits.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limits) != 0) return errno;
    *soft = *hard;
    return 0;
}

long long dposix_processor_time(void) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) return -1;
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

long dposix_voluntary_waits(void) {
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : 0;
}

int dposix_keep_memory_private(void) {
    struct rlimit none = {0, 0};
    // The limit does not hold where dumps go to a program; not being dumpable does.
    if (setrlimit(RLIMIT_CORE, &none) != 0) return errno;
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : errno;
}

void dposix_keep_freed_blocks(void) {
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
    mallopt(M_TRIM_THRESHOLD, 16 << 20);
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

int dposix_spawn_captured(
    pid_t *process, const char *path, char *const arguments[], char *const environment[], int output, int errors) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    // Inherited from whoever started us, an ignored SIGCHLD would let the kernel throw the child's status away.
    struct sigaction child;
    if (sigaction(SIGCHLD, NULL, &child) == 0 && child.sa_handler == SIG_IGN) handle(SIGCHLD, SIG_DFL);
    int error = posix_spawn_file_actions_init(&files);
    if (error) return error;
    error = posix_spawnattr_init(&attributes);
    if (error) {
        posix_spawn_file_actions_destroy(&files);
        return error;
    }
    if (!error) error = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    if (!error) error = posix_spawn_file_actions_adddup2(&files, output, 1);
    if (!error) error = posix_spawn_file_actions_adddup2(&files, errors, 2);
    if (!error) error = posix_spawn_file_actions_addclosefrom_np(&files, 3);
    if (!error) error = posix_spawnattr_setpgroup(&attributes, 0);
    if (!error) error = posix_spawnattr_setsigdefault(&attributes, &all);
    if (!error) error = posix_spawnattr_setsigmask(&attributes, &none);
    if (!error)
        error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    if (!error) error = posix_spawn(process, path, &files, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

void dposix_wait_ended(pid_t process) {
    siginfo_t information;
    while (waitid(P_PID, (id_t)process, &information, WEXITED | WNOWAIT) != 0 && errno == EINTR) {}
}
