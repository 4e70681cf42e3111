// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// journalSocket is where journald takes entries in its native protocol.
const journalSocket = "/run/systemd/journal/socket"

func dialJournal(path string) (*net.UnixConn, error) {
	return net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
}

// entryOf returns an entry in journald's native protocol.
func entryOf(text string) []byte {
	return append(append([]byte("SYSLOG_IDENTIFIER=bench\nPRIORITY=6\nMESSAGE="+entryWord), text...), '\n')
}

// writeEntries writes "RATE,COUNT" entries, numbered from 1, to journald and prints how long it took. A rate of 0 is as fast as
// journald takes them. None is lost here: a full socket makes the writer wait.
func writeEntries(ctx context.Context, spec string, stdout io.Writer) error {
	var rate, count int
	if n, err := fmt.Sscanf(spec, "%d,%d", &rate, &count); n != 2 {
		return fmt.Errorf("-write %q: %w", spec, err)
	}
	w, err := dialJournal(journalSocket)
	if err != nil {
		return err
	}
	defer w.Close()
	begin := time.Now()
	entry := entryOf("")
	head := len(entry) - 1
	for i := 1; i <= count; i++ {
		if rate > 0 {
			if ahead := time.Until(begin.Add(time.Duration(i) * time.Second / time.Duration(rate))); ahead > 500*time.Microsecond {
				time.Sleep(ahead)
			}
		}
		entry = strconv.AppendInt(entry[:head], int64(i), 10)
		entry = append(entry, ' ')
		entry = strconv.AppendInt(entry, time.Now().UnixNano(), 10)
		entry = append(entry, " I1201 12:34:56.789012    1834 kubelet.go:2448] \"SyncLoop (PLEG): event for pod\" pod=\"default/web-6f7c8d9b5-abcde\"\n"...)
		if _, err := w.Write(entry); err != nil {
			return fmt.Errorf("write entry %d: %w", i, err)
		}
		if i%1000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	_, err = fmt.Fprintln(stdout, time.Since(begin))
	return err
}
