#define _GNU_SOURCE
#define NCURSES_WIDECHAR 1
#include <ncurses.h>
#include <dlfcn.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "CNcurses.h"

static SCREEN *screen;
static struct termios before;
static int have_before;
static int started;
static int signal_descriptor = -1;

// Mouse off, paste off, attributes off, cursor on, alternate screen left. Fixed text, so that a signal handler may write it.
static const char reset_text[] = "\033[?1006l\033[?1000l\033[?2004l\033[0m\033[?25h\033[?1049l\r\n";
// Terminals without these modes (vt100, linux) would print nothing for them, but dumb ones get nothing at all.

// A locale that is named and not installed (ssh brings the names of another machine along) would leave plain ASCII: its character set is
// known all the same.
static void take_locale(void) {
    if (setlocale(LC_ALL, "")) return;
    const char *names[] = {getenv("LC_ALL"), getenv("LC_CTYPE"), getenv("LANG")};
    for (int i = 0; i < 3; i++) {
        if (!names[i] || !*names[i]) continue;
        if (strcasestr(names[i], "utf-8") || strcasestr(names[i], "utf8")) setlocale(LC_CTYPE, "C.UTF-8");
        return;
    }
}

int dnc_start(int with_colors) {
    take_locale();
    if (!have_before && tcgetattr(STDIN_FILENO, &before) == 0) have_before = 1;
    set_escdelay(25);
    if (!screen) {
        screen = newterm(NULL, stdout, stdin);
        if (!screen) return -1;
        set_term(screen);
    } else {
        refresh();
    }
    raw();
    noecho();
    nonl();
    intrflush(stdscr, FALSE);
    keypad(stdscr, FALSE);
    leaveok(stdscr, FALSE);
    idlok(stdscr, TRUE);
    // Even setting the terminal's own colours is a colour sequence.
    if (with_colors && has_colors()) {
        start_color();
        use_default_colors();
    }
    started = 1;
    return 0;
}

int dnc_colors(void) { return has_colors() && COLORS > 0 ? COLORS : 0; }

static const unsigned *wide_ranges;
static int wide_count;

void dnc_ambiguous_wide(const unsigned *ranges, int count) {
    // A copy: the caller's array may be a passing one.
    unsigned *copy = count > 0 ? malloc((size_t)count * 2 * sizeof *copy) : NULL;
    if (copy) memcpy(copy, ranges, (size_t)count * 2 * sizeof *copy);
    wide_count = copy ? count : 0;
    wide_ranges = copy;
}

// ncurses asks the C library how many cells a character takes; a definition in the program itself comes first. So ncurses and the
// program's own table agree about the characters that only the terminal decides.
int wcwidth(wchar_t character) {
    static int (*of_locale)(wchar_t);
    int low = 0, high = wide_count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (wide_ranges[middle * 2 + 1] < (unsigned)character) low = middle + 1; else high = middle;
    }
    if (low < wide_count && wide_ranges[low * 2] <= (unsigned)character) return 2;
    if (!of_locale) of_locale = (int (*)(wchar_t))dlsym(RTLD_NEXT, "wcwidth");
    return of_locale ? of_locale(character) : 1;
}

int dnc_is_utf8(void) { return strcmp(nl_langinfo(CODESET), "UTF-8") == 0; }

void dnc_stop(void) {
    if (!started) return;
    curs_set(1);
    endwin();
    started = 0;
}

void dnc_resize(int rows, int columns) { resizeterm(rows, columns); }

void dnc_redraw(void) { clearok(stdscr, TRUE); }

void dnc_begin(void) { erase(); }

void dnc_put(int row, int column, const char *utf8, int bytes, unsigned attributes, int foreground, int background) {
    attr_t attribute = A_NORMAL;
    if (attributes & DNC_BOLD) attribute |= A_BOLD;
    if (attributes & DNC_DIM) attribute |= A_DIM;
    if (attributes & DNC_ITALIC) attribute |= A_ITALIC;
    if (attributes & DNC_UNDERLINE) attribute |= A_UNDERLINE;
    if (attributes & DNC_REVERSE) attribute |= A_REVERSE;
    int pair = 0;
    if (has_colors() && (foreground >= 0 || background >= 0)) {
        pair = alloc_pair(foreground, background);
        if (pair < 0) pair = 0;
    }
    wattr_set(stdscr, attribute, (short)pair, &pair);
    mvwaddnstr(stdscr, row, column, utf8, bytes);
}

void dnc_cursor(int row, int column) {
    if (row < 0) {
        curs_set(0);
        return;
    }
    curs_set(1);
    wmove(stdscr, row, column);
}

void dnc_flush(void) {
    wnoutrefresh(stdscr);
    doupdate();
}

int dnc_window_size(int descriptor, int *rows, int *columns) {
    struct winsize size;
    if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return -1;
    *rows = size.ws_row;
    *columns = size.ws_col;
    return 0;
}

static void write_all(const char *text, size_t length) {
    while (length > 0) {
        ssize_t n = write(STDOUT_FILENO, text, length);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        text += n;
        length -= (size_t)n;
    }
}

void dnc_modes(int on, int mouse) {
    if (on) {
        write_all("\033[?2004h", 8);
        if (mouse) write_all("\033[?1000h\033[?1006h", 16);
    } else {
        write_all("\033[?1006l\033[?1000l\033[?2004l", 24);
    }
}

static void crashed(int number) {
    if (started) {
        write_all(reset_text, sizeof reset_text - 1);
        if (have_before) tcsetattr(STDIN_FILENO, TCSANOW, &before);
    }
    signal(number, SIG_DFL);
    raise(number);
}

void dnc_guard_crashes(void) {
    static char stack[65536];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&alternate, NULL);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = crashed;
    action.sa_flags = SA_ONSTACK | SA_NODEFER;
    const int numbers[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT, SIGFPE};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaction(numbers[i], &action, NULL);
}

static void forward(int number) {
    int saved = errno;
    char byte = (char)number;
    ssize_t ignored = write(signal_descriptor, &byte, 1);
    (void)ignored;
    errno = saved;
}

void dnc_forward_signals(int descriptor) {
    const int numbers[] = {SIGWINCH, SIGTSTP, SIGTERM, SIGHUP, SIGINT, SIGCONT};
    signal_descriptor = descriptor;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = descriptor < 0 ? SIG_DFL : forward;
    action.sa_flags = SA_RESTART;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaction(numbers[i], &action, NULL);
}

void dnc_suspend(void) {
    struct sigaction standard, mine;
    memset(&standard, 0, sizeof standard);
    standard.sa_handler = SIG_DFL;
    sigaction(SIGTSTP, &standard, &mine);
    // To this thread: sent to the process, another thread might take it after the handler is back. Threads of a pool block signals.
    sigset_t stop, before_stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    pthread_sigmask(SIG_UNBLOCK, &stop, &before_stop);
    raise(SIGTSTP);
    pthread_sigmask(SIG_SETMASK, &before_stop, NULL);
    sigaction(SIGTSTP, &mine, NULL);
}
