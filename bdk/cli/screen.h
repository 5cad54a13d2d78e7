/*
 * A screen to lead people by: some lines from the top down, drawn anew every time, and one line to type on. At most 80 columns and
 * 24 lines whatever the terminal has, fewer where it is smaller; read in order it is a text, for who hears it. The terminal stays
 * in its own line mode: what is typed is edited as always, and nothing has to be put back when this process is killed.
 */
#ifndef KEYROOM_BDK_CLI_SCREEN_H
#define KEYROOM_BDK_CLI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

/* screen_open - on the controlling terminal; false, having said why */
bool screen_open(int *status);
void screen_close(void);

/* What stands on it. screen_begin - nothing, but the two lines on top: loud is one that nobody overlooks ("" for none).
 * screen_title, screen_say - a paragraph, formatted; it is broken to the screen's width, and begins each of its lines with the
 * blanks that it begins with; what stands behind a tab hangs there. screen_text - each line of a text a paragraph. Bytes that are not printable become '?'. */
void screen_begin(const char *loud, const char *top);
void screen_title(const char *format, ...) __attribute__((format(printf, 1, 2)));
void screen_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void screen_text(const char *text);

/* screen_show - draw it, without keys: something else asks below it. screen_pause - until a line is typed below that */
void screen_show(void);
void screen_pause(void);

enum screen_answer { SCREEN_TEXT, SCREEN_ENTER, SCREEN_BACK, SCREEN_LEAVE, SCREEN_HELP, SCREEN_READY };

/*
 * screen_ask - draw it, and wait for a line; drawn anew when the terminal gets another size
 *
 *   out     out  what was typed, without blanks at its ends; "" unless it is SCREEN_TEXT
 *   keys    in   what the last line but one says: which keys there are
 *   before  in   what Enter alone stands for, shown in the line; "" for nothing
 *   fd      in   something that may become readable meanwhile; -1 for nothing
 *   ms      in   no longer than so many milliseconds, and not drawn again where it is as before, so that what is being typed stays;
 *                -1 for ever
 *
 *   SCREEN_ENTER (nothing typed), SCREEN_BACK (b), SCREEN_LEAVE (q, or the terminal is gone), SCREEN_HELP (?), SCREEN_READY (fd,
 *   or the time is over), else SCREEN_TEXT
 */
enum screen_answer screen_ask(char *out, size_t size, const char *keys, const char *before, int fd, int ms);

#endif
