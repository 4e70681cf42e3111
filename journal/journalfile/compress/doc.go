// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package compress decodes the payloads of journal files' data objects: xz (systemd 38 and later), LZ4 (systemd 216
// and later) and Zstandard (systemd 246 and later).
//
//	d := new(compress.Decoder)
//	defer d.Close()
//	value, err := d.Append(nil, compress.ZSTD, payload, 1<<20)
//	if errors.Is(err, compress.ErrTooLarge) {
//		value, err = d.Prefix(nil, compress.ZSTD, payload, 1<<20)
//	}
//
// It does not encode, and it knows nothing of journal files but how they frame these three: one xz stream; a 64-bit
// little endian size followed by one LZ4 block; one zstd frame. What follows the stream or the frame is not looked at,
// as in systemd.
//
// # Security
//
// Payloads may come from anywhere. Whatever they say and hold, a call needs at most the memory of the result that it was
// told to accept, the same again for xz dictionaries and zstd windows (which are never larger than the result), and less
// than 8 MiB; and it decodes at most 2 MiB more than that. Sizes that are declared are compared with the limit before
// anything is allocated, and LZ4's also with what a block of that length can hold.
package compress
