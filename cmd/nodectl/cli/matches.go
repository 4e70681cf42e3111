// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/unitname"
)

// commBytes is how much of a program's name the kernel keeps: TASK_COMM_LEN less the zero.
const commBytes = 15

// words is what the arguments of nodectl journal mean.
type words struct {
	units   []string
	matches []journal.Conjunction
}

// parseWords reads UNIT, FIELD=VALUE, /path and + as the arguments of nodectl journal mean them. boot returns
// the running boot, which a device's messages are restricted to.
func parseWords(args []string, boot func() journal.ID128) (words, error) {
	var w words
	var group journal.Conjunction
	plus := false
	for i, arg := range args {
		switch {
		case arg == "+":
			plus = true
			if i == 0 || i == len(args)-1 || args[i-1] == "+" {
				return words{}, &usageError{err: errors.New("\"+\" can only be used between terms")}
			}
			if len(group) > 0 {
				w.matches = append(w.matches, group)
				group = nil
			}
		case filepath.IsAbs(arg):
			terms, err := termsForPath(arg, boot)
			if err != nil {
				return words{}, err
			}
			group = append(group, terms...)
		case strings.Contains(arg, "="):
			term, err := journal.ParseTerm(arg)
			if err != nil {
				return words{}, err
			}
			group = append(group, term)
		default:
			unit, err := unitname.Mangle(arg, true)
			if err != nil {
				return words{}, err
			}
			w.units = append(w.units, unit)
		}
	}
	if len(group) > 0 {
		w.matches = append(w.matches, group)
	}
	if plus && len(w.units) > 0 && len(w.matches) > 0 {
		return words{}, &usageError{
			err:  errors.New("\"+\" joins FIELD=VALUE terms; it cannot join a unit and a term"),
			hint: "_SYSTEMD_UNIT=" + w.units[0] + " in place of the unit",
		}
	}
	return w, nil
}

// termsForPath returns what selects the messages of an executable, a script or a device.
func termsForPath(path string, boot func() journal.ID128) ([]journal.Term, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, &hintError{err: fmt.Errorf("match %s: %w", path, err), hint: "a unit's name, FIELD=VALUE, or the path of a program or device"}
	}
	info, err := os.Stat(real)
	if err != nil {
		return nil, fmt.Errorf("match %s: %w", path, err)
	}
	switch {
	case info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0:
		return termsForExecutable(real)
	case info.Mode()&os.ModeDevice != 0:
		return termsForDevice(info, "/sys", boot())
	default:
		return nil, &usageError{err: fmt.Errorf("%s is neither a program nor a device", path), hint: pathTermHint(path, info)}
	}
}

// pathTermHint is the next step when there is a path where nothing at it selects messages.
func pathTermHint(path string, info fs.FileInfo) string {
	switch {
	case info.IsDir():
		return "-D " + path + " if it holds journal files, --root " + path + " if it is the root of a system"
	case strings.HasSuffix(path, ".journal"), strings.HasSuffix(path, ".journal~"):
		return "-i " + path
	}
	return "a unit's name, FIELD=VALUE, or the path of a program or device"
}

func termsForExecutable(path string) ([]journal.Term, error) {
	interpreter, err := interpreterOf(path)
	if err != nil {
		return nil, err
	}
	if interpreter == "" {
		return []journal.Term{{Field: "_EXE", Value: path}}, nil
	}
	name := filepath.Base(path)
	terms := []journal.Term{{Field: "_COMM", Value: name[:min(len(name), commBytes)]}}
	// A link to the interpreter, such as /usr/bin/python3, will be another program one day.
	if info, err := os.Lstat(interpreter); err == nil && info.Mode()&os.ModeSymlink == 0 {
		terms = append(terms, journal.Term{Field: "_EXE", Value: interpreter})
	}
	return terms, nil
}

// interpreterOf returns the program that a script's first line names; empty for other files.
func interpreterOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("match %s: %w", path, err)
	}
	defer f.Close()
	line, err := bufio.NewReader(io.LimitReader(f, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("match %s: %w", path, err)
	}
	rest, ok := strings.CutPrefix(line, "#!")
	if !ok {
		return "", nil
	}
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return "", nil
	}
	return fields[0], nil
}
