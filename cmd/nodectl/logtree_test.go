// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// writeLogTree makes the log tree of the scripts, $P, of 2023-11-14:
//
//   - default/web-5c9d8f6b7-4qk2n has the containers app and side. app had run 0, and run 1 of six lines, of which the first
//     two were rotated away and compressed, the next two rotated away.
//   - default/web-5c9d8f6b7-x7x7x has the container app, whose lines fall between those of the other.
//   - shop/db-0 has the container db, with long, partial, coloured and broken lines, and shop/twin and default/twin one of
//     the name of the pod.
//   - kube-system/kube-apiserver-node1 is a static pod.
func writeLogTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	const web, other = "default_web-5c9d8f6b7-4qk2n_11111111-1111-1111-1111-111111111111", "default_web-5c9d8f6b7-x7x7x_22222222-2222-2222-2222-222222222222"
	files := map[string]string{
		web + "/app/0.log":                    criLines(0, "stdout", "starting", "stderr", "panic: no database"),
		web + "/app/1.log.20231114-221500.gz": criLines(60, "stdout", "run 1 line 0", "stdout", "run 1 line 1"),
		web + "/app/1.log.20231114-221600":    criLines(62, "stdout", "level=warning msg=\"slow\"", "stderr", "run 1 line 3"),
		web + "/app/1.log":                    criLines(64, "stderr", "E1114 22:14:24.000000       1 app.go:7] failed", "stdout", "run 1 line 5"),
		web + "/side/0.log":                   criLines(0, "stdout", "side 0", "stdout", "side 1"),
		other + "/app/0.log":                  "2023-11-14T22:14:22.500000000Z stdout F between\n2023-11-14T22:14:30Z stdout F last\n",
		"shop_db-0_33333333-3333-3333-3333-333333333333/db/0.log": "2023-11-15T00:13:20.000000001+02:00 stdout P begins, \n" +
			"2023-11-14T22:13:20.5Z stderr F between\n" +
			"2023-11-14T22:13:21Z stdout F ends\n" +
			"2023-11-14T22:13:22Z stdout F \x1b[31mred\x1b[0m \x1b]52;c;aGk=\x07 bidi \u202e\n" +
			"2023-11-14T22:13:23Z stdout F bad \xff utf-8\n" +
			"not a line of the CRI\n" +
			"2023-11-14T22:13:24Z stdout P no newline",
		"shop_twin_44444444-4444-4444-4444-444444444444/twin/0.log":    criLines(0, "stdout", "twin of shop"),
		"default_twin_55555555-5555-5555-5555-555555555555/twin/0.log": criLines(0, "stdout", "twin of default"),
		"kube-system_kube-apiserver-node1_0123456789abcdef0123456789abcdef/kube-apiserver/0.log": criLines(10,
			"stderr", "I1114 22:13:30.000000       1 server.go:1] serving", "stderr", "W1114 22:13:31.000000       1 server.go:2] slow",
			"stderr", "no level", "stdout", "on stdout"),
	}
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		content := []byte(text)
		if filepath.Ext(name) == ".gz" {
			content = compressed(t, text)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// criLines writes lines, of which each is a stream and a text, a second apart, from so many seconds after the journal's first.
func criLines(seconds int, streamsAndTexts ...string) string {
	var b bytes.Buffer
	for i := 0; i+1 < len(streamsAndTexts); i += 2 {
		at := time.Unix(int64(firstSecond+seconds+i/2), int64(i/2)).UTC()
		fmt.Fprintf(&b, "%s %s F %s\n", at.Format("2006-01-02T15:04:05.000000000Z07:00"), streamsAndTexts[i], streamsAndTexts[i+1])
	}
	return b.String()
}

func compressed(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// writeLine is the command "line FILE SECOND STREAM TEXT": it adds a line of the CRI to a log. TEXT can have the escapes of Go.
func writeLine(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 4 {
		ts.Fatalf("usage: line FILE SECOND STREAM TEXT")
	}
	second, err := strconv.Atoi(args[1])
	ts.Check(err)
	text, err := strconv.Unquote(`"` + args[3] + `"`)
	ts.Check(err)
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	ts.Check(err)
	_, err = file.WriteString(criLines(second, args[2], text))
	ts.Check(err)
	ts.Check(file.Close())
}
