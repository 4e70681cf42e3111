// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// logPod and logContainer are the pod directory and the container of the log that is measured.
const (
	logPod       = "default_web-0_3d1f0a52-7c7e-4a8e-9a55-0f6b8c1d2e3f"
	logContainer = "app"
)

// logPath is its file beneath a log tree.
var logPath = filepath.Join(logPod, logContainer, "0.log")

// logEnd is the time after the last line of a log, which is of one day.
func logEnd() time.Time { return time.UnixMicro(start).UTC().Add(24 * time.Hour) }

// logFixture makes a log tree with the log of one container, of one day: 3,000,000 lines are about 500 MB.
func logFixture(data string, lines int, progress io.Writer) (string, error) {
	return makeOnce(data, fmt.Sprintf("log-%d", lines), progress, func(dir string) error {
		if err := os.MkdirAll(filepath.Join(dir, logPod, logContainer), 0o755); err != nil {
			return err
		}
		f, err := os.Create(filepath.Join(dir, logPath))
		if err != nil {
			return err
		}
		defer f.Close()
		w := bufio.NewWriterSize(f, 1<<20)
		writeLogDay(w, lines)
		if err := w.Flush(); err != nil {
			return err
		}
		return f.Close()
	})
}

// writeLogDay writes lines as containerd does: those of a web server in a few forms, a fifth to standard error, one of 10,000
// so long that it is split. The last ones are not split, because the kubelet's tail counts pieces.
func writeLogDay(w *bufio.Writer, lines int) {
	random := rand.New(rand.NewPCG(3, 5))
	paths := []string{"/healthz", "/api/v1/orders", "/api/v1/orders/8812/items", "/static/app.3f2a9c.js", "/login", "/api/v1/search?q=blue+shoes&page=3"}
	at := logEnd().Add(-24 * time.Hour)
	step := 24 * time.Hour / time.Duration(lines)
	var line []byte
	for i := range lines {
		at = at.Add(step/2 + time.Duration(random.Int64N(int64(step))))
		if i == lines-1 {
			at = logEnd().Add(-time.Millisecond)
		}
		stream := "stdout"
		if random.IntN(5) == 0 {
			stream = "stderr"
		}
		line = at.AppendFormat(line[:0], time.RFC3339Nano)
		line = append(append(append(line, ' '), stream...), " F "...)
		if random.IntN(10_000) == 0 && i < lines*9/10 {
			line[len(line)-2] = 'P'
			for range 16 << 10 {
				line = append(line, byte('a'+random.IntN(26)))
			}
			line = append(line, '\n')
			line = at.AppendFormat(line, time.RFC3339Nano)
			line = append(append(append(line, ' '), stream...), " F "...)
		}
		line = appendRequest(line, random, i, paths[random.IntN(len(paths))])
		w.Write(line)
	}
}

// appendRequest appends what a web server says about a request.
func appendRequest(line []byte, random *rand.Rand, number int, path string) []byte {
	switch random.IntN(3) {
	case 0:
		line = append(line, "10.244.3."...)
		line = strconv.AppendInt(line, random.Int64N(250), 10)
		line = append(append(append(line, ` - - "GET `...), path...), ` HTTP/1.1" 200 `...)
		line = strconv.AppendInt(line, 100+random.Int64N(90_000), 10)
		line = append(line, ` "-" "kube-probe/1.34 (linux/amd64)" rt=0.00`...)
		line = strconv.AppendInt(line, random.Int64N(10), 10)
	case 1:
		line = append(line, "I0301 12:34:56.789012       1 handler.go:142] \"Request served\" path=\""...)
		line = append(append(line, path...), "\" status=200 duration=\""...)
		line = append(strconv.AppendInt(line, random.Int64N(900), 10), "µs\" request="...)
		line = strconv.AppendInt(line, int64(number), 10)
	default:
		line = append(line, `{"level":"info","msg":"request served","path":"`...)
		line = append(append(line, path...), `","status":200,"request":`...)
		line = append(strconv.AppendInt(line, int64(number), 10), `,"trace":"`...)
		line = append(strconv.AppendUint(line, random.Uint64()|1<<60, 16), `"}`...)
	}
	return append(line, '\n')
}
