// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFileBytes is the largest configuration file that is read.
const maxFileBytes = 1 << 20

// maxProblems is the number of problems in a file after which the rest is not looked at.
const maxProblems = 50

// file is a configuration file, taken apart.
type file struct {
	path string
	set  map[string]located
}

func (f *file) values() map[string]located {
	if f == nil {
		return nil
	}
	return f.set
}

// openFile reads a configuration file. Problems are about single keys; the error is
// about the file as a whole.
func openFile(path string, keys []Key) (*file, []*Problem, error) {
	in, err := os.Open(path)
	if err != nil {
		var pathErr *fs.PathError
		if errors.As(err, &pathErr) {
			err = pathErr.Err
		}
		return nil, nil, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, maxFileBytes+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read: %w", err)
	}
	if len(data) > maxFileBytes {
		return nil, nil, fmt.Errorf("larger than %d bytes: not a configuration file", maxFileBytes)
	}
	return parseFile(path, data, keys)
}

func parseFile(path string, data []byte, keys []Key) (*file, []*Problem, error) {
	var document, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("has more than one YAML document")
	}
	p := &fileParser{file: &file{path: path, set: make(map[string]located)}, names: keyNames(keys), keys: keys}
	if len(document.Content) > 0 {
		p.mapping(document.Content[0], "")
	}
	return p.file, p.problems, nil
}

func keyNames(keys []Key) []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	return names
}

type fileParser struct {
	file     *file
	names    []string
	keys     []Key
	problems []*Problem
}

// full reports whether so many problems were found that looking for more helps nobody.
func (p *fileParser) full() bool { return len(p.problems) >= maxProblems }

func (p *fileParser) bad(key string, node *yaml.Node, format string, args ...any) {
	p.problems = append(p.problems, &Problem{Key: key, Origin: p.origin(node), Reason: fmt.Sprintf(format, args...)})
}

func (p *fileParser) origin(node *yaml.Node) Origin {
	return Origin{Kind: OriginFile, Name: p.file.path, Line: node.Line}
}

// mapping takes a mapping apart; prefix is the key that leads to it. Depth is bounded: a
// mapping is entered only below a section that exists.
func (p *fileParser) mapping(node *yaml.Node, prefix string) {
	switch {
	case node.Kind == yaml.ScalarNode && node.Tag == "!!null":
		return
	case node.Kind != yaml.MappingNode:
		p.bad(prefix, node, "want keys with values")
		return
	}
	for i := 0; i+1 < len(node.Content) && !p.full(); i += 2 {
		name, content := node.Content[i], node.Content[i+1]
		key := name.Value
		if prefix != "" {
			key = prefix + "." + key
		}
		switch {
		case slices.Contains(p.names, key):
			p.scalar(key, name, content)
		case name.Kind == yaml.ScalarNode && slices.ContainsFunc(p.names, func(n string) bool { return strings.HasPrefix(n, key+".") }):
			p.mapping(content, key)
		default:
			p.bad(key, name, "unknown key%s", didYouMean(key, p.names))
		}
	}
}

func (p *fileParser) isList(key string) bool {
	return slices.ContainsFunc(p.keys, func(k Key) bool { return k.Name == key && k.List })
}

// list takes a list of values.
func (p *fileParser) list(key string, content *yaml.Node) {
	var texts []string
	for _, item := range content.Content {
		if item.Kind != yaml.ScalarNode || item.Tag == "!!null" || strings.Contains(item.Value, ",") {
			p.bad(key, item, "want a list of values without commas")
			return
		}
		texts = append(texts, item.Value)
	}
	p.file.set[key] = located{strings.Join(texts, ","), p.origin(content)}
}

func (p *fileParser) scalar(key string, name, content *yaml.Node) {
	if content.Kind == yaml.AliasNode && content.Alias != nil {
		content = content.Alias
	}
	switch first, dup := p.file.set[key]; {
	case dup:
		p.bad(key, name, "set a second time; the first is in line %d", first.origin.Line)
	case content.Kind == yaml.SequenceNode && p.isList(key):
		p.list(key, content)
	case content.Kind != yaml.ScalarNode:
		p.bad(key, content, "want a single value")
	case content.Tag == "!!null":
		p.bad(key, name, "has no value; give it one or remove the line")
	default:
		p.file.set[key] = located{content.Value, p.origin(name)}
	}
}
