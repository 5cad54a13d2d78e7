/*
 * A ceremony record as a page to print on A4 and to sign: one HTML file that needs nothing else.
 */
#ifndef KEYROOM_BDK_CLI_PAGE_H
#define KEYROOM_BDK_CLI_PAGE_H

#include "bdk/ceremony.h"

/* page_print - name and digest (SHA-256, in hex) are those of the text that the page shows */
void page_print(FILE *f, const struct ceremony *c, const char *name, const char *digest);

#endif
