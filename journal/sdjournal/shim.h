// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// The calls of sd-journal(3) that go-systemd does not offer, and the three that are
// made for every entry, each as one call from Go.

#ifndef NODED_SDJOURNAL_SHIM_H
#define NODED_SDJOURNAL_SHIM_H

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-journal.h>

// noded_lib holds the functions of libsystemd; all but enumerate_available_data are
// there once noded_lib_load has returned NULL.
typedef struct noded_lib {
	void *handle;
	int (*open_namespace)(sd_journal **, const char *, int);
	int (*open_directory)(sd_journal **, const char *, int);
	int (*next_skip)(sd_journal *, uint64_t);
	int (*previous_skip)(sd_journal *, uint64_t);
	int (*get_cursor)(sd_journal *, char **);
	int (*get_data)(sd_journal *, const char *, const void **, size_t *);
	void (*restart_data)(sd_journal *);
	int (*enumerate_data)(sd_journal *, const void **, size_t *);
	int (*query_unique)(sd_journal *, const char *);
	int (*enumerate_unique)(sd_journal *, const void **, size_t *);
	void (*restart_unique)(sd_journal *);
	int (*enumerate_fields)(sd_journal *, const char **);
	void (*restart_fields)(sd_journal *);
	int (*get_fd)(sd_journal *);
} noded_lib;

// noded_lib_load fills lib. It returns NULL, or the text of what is missing.
const char *noded_lib_load(noded_lib *lib);

// noded_sigbus_install installs the SIGBUS handler; see shim.c. It returns 0 or -errno.
int noded_sigbus_install(void);

// noded_sigbus_count is the number of pages that the handler has replaced so far.
uint64_t noded_sigbus_count(void);

int noded_open_namespace(const noded_lib *lib, sd_journal **j, const char *ns, int flags);
int noded_open_directory(const noded_lib *lib, sd_journal **j, const char *path, int flags);

// noded_move goes steps entries forward, or backward if negative, and writes the cursor of the entry
// that it comes to stand on. It returns the number of steps made, or -errno.
int noded_move(const noded_lib *lib, sd_journal *j, int64_t steps, char *cursor, size_t cursor_size);

// noded_cursor writes the cursor of the current entry. It returns its length or -errno.
int noded_cursor(const noded_lib *lib, sd_journal *j, char *cursor, size_t cursor_size);

// noded_still_there reports whether the current entry still has the cursor.
int noded_still_there(const noded_lib *lib, sd_journal *j, const char *cursor);

// noded_fields copies all NAME=value items of the current entry to buf, one after the other, and
// the offset of the end of each to ends. It returns their number, -ENOBUFS with *need_bytes and *need_ends
// set when the room does not suffice, -E2BIG when they have more than max bytes together, or another -errno.
int noded_fields(const noded_lib *lib, sd_journal *j, size_t max, void *buf, size_t buf_size, uint64_t *ends,
                 size_t ends_size, size_t *need_bytes, size_t *need_ends);

// noded_field copies the first NAME=value of the field. It returns 1, -ENOBUFS with
// *size set when the room does not suffice, -E2BIG when it has more than max bytes, or another -errno.
int noded_field(const noded_lib *lib, sd_journal *j, size_t max, const char *name, size_t name_size, void *buf,
                size_t buf_size, size_t *size);

int noded_query_unique(const noded_lib *lib, sd_journal *j, const char *name, size_t name_size);

// noded_next_unique points *data at the next NAME=value. It returns 1, 0 at the end, or -errno. The
// bytes are valid until the next call on j.
int noded_next_unique(const noded_lib *lib, sd_journal *j, const void **data, size_t *size);

// noded_copy copies bytes that may lie in a mapped journal file.
void noded_copy(void *to, const void *from, size_t size);

void noded_restart_fields(const noded_lib *lib, sd_journal *j);
int noded_next_field(const noded_lib *lib, sd_journal *j, const char **name);

int noded_get_fd(const noded_lib *lib, sd_journal *j);

#endif
