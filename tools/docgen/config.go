// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/noded/noded/daemon/config"
)

// configPage is noded.yaml(5).
func configPage() []byte {
	p := newPage("noded.yaml", 5, "configuration of noded")
	p.section("SYNOPSIS")
	p.WriteString(inline(config.DefaultFile) + "\n")
	p.section("DESCRIPTION")
	p.text(`
The configuration of noded is a YAML file of nested keys. It can be missing: the defaults work untouched.
A value is taken from the first of these that has it: command line option, environment variable, this file,
default. An unknown key is an error.

"noded config check" says what is wrong with a file, "noded config show" prints the effective
values and where each comes from.`)
	p.section("KEYS")
	for _, k := range config.Keys() {
		p.item(bold(k.Name))
		p.WriteString(escape(k.Doc) + "\n.br\n")
		facts := []string{"default: " + shown(k.Default)}
		if k.Flag != "" {
			facts = append(facts, "option: --"+k.Flag)
		}
		facts = append(facts, "environment: "+k.Variable())
		if k.Reloadable {
			facts = append(facts, "takes effect on reload")
		}
		p.WriteString(escape(strings.Join(facts, "; ")) + "\n")
	}
	p.section("EXAMPLE")
	p.example(`
server:
  reader_group: adm
limits:
  max_streams: 64`)
	p.section("SEE ALSO")
	p.WriteString(".BR noded (8)\n")
	return p.Bytes()
}

func shown(value string) string {
	if value == "" {
		return "empty"
	}
	return value
}

// configFile is the configuration file that the packages install: every key with its default, commented out.
func configFile() []byte {
	var b bytes.Buffer
	b.WriteString(`# Configuration of noded; see noded.yaml(5).
#
# The values below are the defaults. To change one, remove the "#" before it and before the name of
# its section. Then: systemctl reload noded, or systemctl restart noded where a key says so.
# "noded config check" says what is wrong with this file.
`)
	section := ""
	for _, k := range config.Keys() {
		parent, name, _ := strings.Cut(k.Name, ".")
		if parent != section {
			section = parent
			fmt.Fprintf(&b, "\n#%s:\n", section)
		} else {
			b.WriteString("\n")
		}
		doc := k.Doc
		if !k.Reloadable {
			doc += " Needs a restart."
		}
		for _, line := range wrap(doc, 94) {
			fmt.Fprintf(&b, "  # %s\n", line)
		}
		value := k.Default
		if value == "" {
			value = `""`
		}
		fmt.Fprintf(&b, "#  %s: %s\n", name, value)
	}
	return b.Bytes()
}

// wrap breaks text into lines of at most width bytes, where its words allow it.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
