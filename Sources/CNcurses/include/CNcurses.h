#ifndef DAVIT_CNCURSES_H
#define DAVIT_CNCURSES_H

// A narrow door to ncursesw: what the terminal driver needs, with fixed arguments and no macros or globals of curses.
// ncurses makes the difference between frames; input bytes are read and decoded by the driver itself.

enum {
    DNC_BOLD = 1, DNC_DIM = 2, DNC_ITALIC = 4, DNC_UNDERLINE = 8, DNC_REVERSE = 16,
};

// 0 on success. -1: TERM is unknown. -2: the terminal cannot move its cursor.
int dnc_start(int with_colors);
// Colours the terminal has (0: none).
int dnc_colors(void);
int dnc_is_utf8(void);
// Characters in those ranges (first and last of each, in order) take two cells from now on. 0: as the locale says.
void dnc_ambiguous_wide(const unsigned *ranges, int count);
void dnc_stop(void);
void dnc_resize(int rows, int columns);
// Everything is sent again with the next flush.
void dnc_redraw(void);
void dnc_begin(void);
// Colours: -1 is the terminal's own, else an index below dnc_colors().
void dnc_put(int row, int column, const char *utf8, int bytes, unsigned attributes, int foreground, int background);
// The cursor stays where dnc_cursor() puts it; row -1 hides it.
void dnc_cursor(int row, int column);
void dnc_flush(void);

// Size of the terminal on that descriptor; 0 on success.
int dnc_window_size(int descriptor, int *rows, int *columns);
// Mouse and bracketed paste on or off (written straight to the terminal).
void dnc_modes(int on, int mouse);
// On a fatal signal: terminal back to what it was, then the signal's own effect. Call once, before dnc_start().
void dnc_guard_crashes(void);
// SIGWINCH, SIGTSTP, SIGTERM, SIGHUP, SIGINT, SIGCONT write their number as one byte to that descriptor (-1: default again).
void dnc_forward_signals(int descriptor);
// Stops this process as Ctrl-Z does; returns when it is continued.
void dnc_suspend(void);

#endif
