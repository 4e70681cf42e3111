// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

#define _GNU_SOURCE
#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

// FIELD_NAME_MAX is the longest name that journald accepts for a field.
#define FIELD_NAME_MAX 64

// MAX_ITEMS bounds the number of items of an entry that are looked at; journald's own limit is 1024.
#define MAX_ITEMS ((size_t) 1 << 16)

// inside counts the shim's calls on this thread, so that the SIGBUS handler knows that a
// fault in the shim's own instructions is one on a journal file.
static _Thread_local volatile sig_atomic_t inside;

#define ENTER() (inside++)
#define LEAVE() (inside--)

const char *noded_lib_load(noded_lib *lib) {
	lib->handle = dlopen("libsystemd.so.0", RTLD_LAZY);
	if (!lib->handle)
		return "libsystemd.so.0";
#define LOAD(member, symbol)                                                                                           \
	do {                                                                                                           \
		*(void **) &lib->member = dlsym(lib->handle, symbol);                                                  \
		if (!lib->member)                                                                                      \
			return symbol;                                                                                 \
	} while (0)
#define LOAD2(member, symbol, older)                                                                                   \
	do {                                                                                                           \
		*(void **) &lib->member = dlsym(lib->handle, symbol);                                                  \
		if (!lib->member)                                                                                      \
			LOAD(member, older);                                                                           \
	} while (0)
	LOAD(open_namespace, "sd_journal_open_namespace");
	LOAD(open_directory, "sd_journal_open_directory");
	LOAD(next_skip, "sd_journal_next_skip");
	LOAD(previous_skip, "sd_journal_previous_skip");
	LOAD(get_cursor, "sd_journal_get_cursor");
	LOAD(get_data, "sd_journal_get_data");
	LOAD(restart_data, "sd_journal_restart_data");
	LOAD2(enumerate_data, "sd_journal_enumerate_available_data", "sd_journal_enumerate_data");
	LOAD(query_unique, "sd_journal_query_unique");
	LOAD2(enumerate_unique, "sd_journal_enumerate_available_unique", "sd_journal_enumerate_unique");
	LOAD(restart_unique, "sd_journal_restart_unique");
	LOAD(enumerate_fields, "sd_journal_enumerate_fields");
	LOAD(restart_fields, "sd_journal_restart_fields");
	LOAD(get_fd, "sd_journal_get_fd");
	return NULL;
}

// The journal is read through shared mappings. When a file is truncated under them, an access
// beyond its new end raises SIGBUS, which would end the process. libsystemd leaves
// that to the program. As journald does, the handler puts a page of zeros in the place of the one that is
// gone: libsystemd then meets an object of type 0, calls the file corrupt, and goes on without it.
//
// Only faults of libsystemd's doing are handled: those whose instruction lies outside of the
// text of the program itself, and those on a thread that is in the shim. All others go to
// the handler that was there before, Go's.

extern const char __executable_start[], etext[];

static struct sigaction previous_action;
static atomic_uint_fast64_t replaced_pages;
static uintptr_t page_size;

static uintptr_t fault_instruction(void *context) {
	const ucontext_t *u = context;
#if defined(__x86_64__)
	return (uintptr_t) u->uc_mcontext.gregs[REG_RIP];
#elif defined(__i386__)
	return (uintptr_t) u->uc_mcontext.gregs[REG_EIP];
#elif defined(__aarch64__)
	return (uintptr_t) u->uc_mcontext.pc;
#elif defined(__arm__)
	return (uintptr_t) u->uc_mcontext.arm_pc;
#else
	(void) u;
	return (uintptr_t) __executable_start;
#endif
}

static void on_sigbus(int signal, siginfo_t *info, void *context) {
	uintptr_t pc = fault_instruction(context);
	int own_text = pc >= (uintptr_t) __executable_start && pc < (uintptr_t) etext;

	if (info->si_code == BUS_ADRERR && (inside > 0 || !own_text)) {
		int saved = errno;
		void *page = (void *) ((uintptr_t) info->si_addr & ~(page_size - 1));
		void *got = mmap(page, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

		errno = saved;
		if (got == page) {
			atomic_fetch_add(&replaced_pages, 1);
			return;
		}
	}
	if (previous_action.sa_flags & SA_SIGINFO)
		previous_action.sa_sigaction(signal, info, context);
	else if (previous_action.sa_handler == SIG_DFL || previous_action.sa_handler == SIG_IGN)
		sigaction(signal, &previous_action, NULL); // the fault repeats and gets the default action
	else
		previous_action.sa_handler(signal);
}

static pthread_once_t sigbus_once = PTHREAD_ONCE_INIT;
static int sigbus_result;

static void install(void) {
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};

	page_size = (uintptr_t) sysconf(_SC_PAGESIZE);
	sigfillset(&action.sa_mask);
	if (sigaction(SIGBUS, NULL, &previous_action) < 0 || sigaction(SIGBUS, &action, NULL) < 0)
		sigbus_result = -errno;
}

int noded_sigbus_install(void) {
	int r = pthread_once(&sigbus_once, install);

	return r ? -r : sigbus_result;
}

uint64_t noded_sigbus_count(void) {
	return atomic_load(&replaced_pages);
}

int noded_open_namespace(const noded_lib *lib, sd_journal **j, const char *ns, int flags) {
	ENTER();
	int r = lib->open_namespace(j, ns, flags);
	LEAVE();
	return r;
}

int noded_open_directory(const noded_lib *lib, sd_journal **j, const char *path, int flags) {
	ENTER();
	int r = lib->open_directory(j, path, flags);
	LEAVE();
	return r;
}

int noded_cursor(const noded_lib *lib, sd_journal *j, char *cursor, size_t cursor_size) {
	char *text = NULL;

	ENTER();
	int r = lib->get_cursor(j, &text);
	LEAVE();
	if (r < 0)
		return r;
	size_t size = strlen(text);
	if (size < cursor_size) {
		memcpy(cursor, text, size + 1);
		r = (int) size;
	} else
		r = -ENOBUFS;
	free(text);
	return r;
}

int noded_still_there(const noded_lib *lib, sd_journal *j, const char *cursor) {
	char *text = NULL;

	ENTER();
	int r = lib->get_cursor(j, &text);
	LEAVE();
	if (r < 0)
		return 0;
	r = strcmp(text, cursor) == 0;
	free(text);
	return r;
}

int noded_move(const noded_lib *lib, sd_journal *j, int64_t steps, char *cursor, size_t cursor_size) {
	int r, made;

	if (steps == 0 || steps > INT_MAX || steps < -INT_MAX)
		return -ERANGE;
	ENTER();
	made = steps > 0 ? lib->next_skip(j, (uint64_t) steps) : lib->previous_skip(j, (uint64_t) -steps);
	LEAVE();
	if (made <= 0)
		return made;
	r = noded_cursor(lib, j, cursor, cursor_size);
	return r < 0 ? r : made;
}

// data_error keeps -ENOBUFS, which libsystemd gives for some damaged values, apart from the shim's own.
static int data_error(int r) {
	return r == -ENOBUFS ? -EBADMSG : r;
}

int noded_fields(const noded_lib *lib, sd_journal *j, size_t max, void *buf, size_t buf_size, uint64_t *ends,
                 size_t ends_size, size_t *need_bytes, size_t *need_ends) {
	size_t used = 0, n = 0;
	int r;

	ENTER();
	lib->restart_data(j);
	for (;;) {
		const void *data = NULL;
		size_t size = 0;

		r = lib->enumerate_data(j, &data, &size);
		if (r <= 0) {
			r = data_error(r);
			break;
		}
		if (size > max - used || n >= MAX_ITEMS) {
			r = -E2BIG;
			break;
		}
		// Past the end of the room only the sizes are added up.
		if (used + size <= buf_size && n < ends_size) {
			memcpy((char *) buf + used, data, size);
			ends[n] = used + size;
		}
		used += size;
		n++;
	}
	LEAVE();
	if (r < 0)
		return r;
	*need_bytes = used;
	*need_ends = n;
	return used > buf_size || n > ends_size ? -ENOBUFS : (int) n;
}

// copy_name makes a C string of a field name; false if it cannot be one.
static int copy_name(char to[FIELD_NAME_MAX + 1], const char *name, size_t size) {
	if (size == 0 || size > FIELD_NAME_MAX)
		return 0;
	memcpy(to, name, size);
	to[size] = 0;
	return 1;
}

int noded_field(const noded_lib *lib, sd_journal *j, size_t max, const char *name, size_t name_size, void *buf,
                size_t buf_size, size_t *size) {
	char c_name[FIELD_NAME_MAX + 1];
	const void *data = NULL;

	if (!copy_name(c_name, name, name_size))
		return -ENOENT;
	ENTER();
	int r = data_error(lib->get_data(j, c_name, &data, size));
	if (r >= 0) {
		if (*size > max)
			r = -E2BIG;
		else if (*size > buf_size)
			r = -ENOBUFS;
		else {
			memcpy(buf, data, *size);
			r = 1;
		}
	}
	LEAVE();
	return r;
}

int noded_query_unique(const noded_lib *lib, sd_journal *j, const char *name, size_t name_size) {
	char c_name[FIELD_NAME_MAX + 1];

	if (!copy_name(c_name, name, name_size))
		return -EINVAL;
	ENTER();
	int r = lib->query_unique(j, c_name);
	if (r >= 0)
		lib->restart_unique(j);
	LEAVE();
	return r;
}

int noded_next_unique(const noded_lib *lib, sd_journal *j, const void **data, size_t *size) {
	ENTER();
	int r = data_error(lib->enumerate_unique(j, data, size));
	LEAVE();
	return r;
}

void noded_copy(void *to, const void *from, size_t size) {
	ENTER();
	memcpy(to, from, size);
	LEAVE();
}

void noded_restart_fields(const noded_lib *lib, sd_journal *j) {
	ENTER();
	lib->restart_fields(j);
	LEAVE();
}

int noded_next_field(const noded_lib *lib, sd_journal *j, const char **name) {
	ENTER();
	int r = lib->enumerate_fields(j, name);
	LEAVE();
	return r;
}

int noded_get_fd(const noded_lib *lib, sd_journal *j) {
	ENTER();
	int r = lib->get_fd(j);
	LEAVE();
	return r;
}
