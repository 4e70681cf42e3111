// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// lessOptions are those of systemd: quit if one screen is enough, keep colours, cut long lines, verbose
// prompt, no clearing, quit on interrupt.
const lessOptions = "FRSXMK"

// output is where entries go: the pager, or stdout itself.
type pagerOutput struct {
	io.Writer
	pipe    io.Closer
	command *exec.Cmd
}

// Close ends the input of the pager and waits until its user has left it.
func (p *pagerOutput) Close() error {
	if p.command == nil {
		return nil
	}
	err := p.pipe.Close()
	werr := p.command.Wait()
	var exit *exec.ExitError
	if errors.As(werr, &exit) {
		// How the user left it is no failure of ours.
		werr = nil
	}
	return errors.Join(err, werr)
}

// startPager starts the user's pager when stdout is a terminal and one is wanted. The words of the variable
// are the program and its arguments; no shell reads them.
func (c *journalCommand) startPager() (*pagerOutput, error) {
	plain := &pagerOutput{Writer: c.out}
	stdout, ok := c.Out.(*os.File)
	if !ok || c.noPager || c.follow || !isTerminal(stdout) || c.Getenv("TERM") == "dumb" {
		return plain, nil
	}
	pagers, chosen := c.pagers()
	for _, words := range pagers {
		path, err := exec.LookPath(words[0])
		if err != nil {
			c.tellNoPager(words[0], chosen)
			continue
		}
		command := exec.Command(path, words[1:]...)
		command.Env = c.pagerEnvironment()
		command.Stdout, command.Stderr = stdout, c.Err
		pipe, err := command.StdinPipe()
		if err != nil {
			return nil, err
		}
		if err := command.Start(); err != nil {
			pipe.Close()
			continue
		}
		return &pagerOutput{Writer: pipe, pipe: pipe, command: command}, nil
	}
	return plain, nil
}

// tellNoPager says on stderr that the pager that the user chose is not there.
func (c *journalCommand) tellNoPager(name string, chosen bool) {
	if chosen && !c.quiet {
		fmt.Fprintf(c.Err, "no pager %s; going on without one\n", visible(name))
	}
}

// pagers returns the command lines to try, and whether the user chose them. None means that the user wants no pager.
func (c *journalCommand) pagers() (lines [][]string, chosen bool) {
	for _, name := range []string{"SYSTEMD_PAGER", "PAGER"} {
		if _, set := os.LookupEnv(name); !set && c.Getenv(name) == "" {
			continue
		}
		words := strings.Fields(c.Getenv(name))
		if len(words) == 0 || words[0] == "cat" && len(words) == 1 {
			return nil, true
		}
		return [][]string{words}, true
	}
	if c.os == "windows" {
		// Its more shows UTF-8 as something else.
		return [][]string{{"less"}}, false
	}
	return [][]string{{"less"}, {"more"}}, false
}

// pagerEnvironment is ours with the options of less.
func (c *journalCommand) pagerEnvironment() []string {
	options := firstNonEmpty(c.Getenv("SYSTEMD_LESS"), lessOptions)
	if c.pagerEnd {
		options += " +G"
	}
	charset := firstNonEmpty(c.Getenv("SYSTEMD_LESSCHARSET"), "utf-8")
	return append(os.Environ(), "LESS="+options, "LESSCHARSET="+charset)
}
