// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// variablePrefix begins the names of all environment variables of noded.
const variablePrefix = "NODED_"

// FileVariable is the environment variable that names the configuration file.
const FileVariable = variablePrefix + "CONFIG"

// Sources are the places that values come from.
type Sources struct {
	// File is the path of the configuration file; empty for none.
	File string
	// FileRequired makes a file that does not exist an error.
	FileRequired bool
	// Environ is the environment in the form of os.Environ.
	Environ []string
	// Flags are the command line flags, see AddFlags. nil: none.
	Flags *pflag.FlagSet
}

// Loaded is a configuration with the origin of each value.
type Loaded struct {
	Config Config
	// Values has one item for each key, in the order of Keys.
	Values []Value
	// File is the configuration file that was read; empty if there was none.
	File string
	// Warnings are sentences about things that were ignored.
	Warnings []string
}

// Value is the effective value of a key.
type Value struct {
	Key    Key
	Text   string
	Origin Origin
}

// AddFlags defines the flags of all keys that have one.
func AddFlags(flags *pflag.FlagSet) {
	for _, k := range Keys() {
		if k.Flag != "" {
			usage, _, _ := strings.Cut(k.Doc, ". ")
			flags.String(k.Flag, k.Default, strings.ToLower(usage[:1])+strings.TrimSuffix(usage[1:], "."))
		}
	}
}

// Load reads the configuration. The error joins all problems; each is a *Problem.
func Load(s Sources) (*Loaded, error) {
	keys := Keys()
	loaded := &Loaded{}
	file, problems := readFile(s, keys)
	if file != nil {
		loaded.File = file.path
	}
	environment, warnings := environmentValues(s.Environ, keys)
	loaded.Warnings = warnings

	v := viper.New()
	for _, k := range keys {
		v.SetDefault(k.Name, k.Default)
	}
	// The later of two merged maps wins. The environment is merged, rather than bound, so that it is
	// the one that the caller gave.
	for _, layer := range []map[string]located{file.values(), environment} {
		if err := v.MergeConfigMap(nested(layer)); err != nil {
			return nil, fmt.Errorf("merge configuration: %w", err)
		}
	}
	for _, k := range keys {
		if flag := flagOf(s.Flags, k); flag != nil {
			if err := v.BindPFlag(k.Name, flag); err != nil {
				return nil, fmt.Errorf("bind flag --%s: %w", k.Flag, err)
			}
		}
	}
	for _, k := range keys {
		origin := originOf(k, s.Flags, environment, file.values())
		if err := k.value(&loaded.Config).Set(v.GetString(k.Name)); err != nil {
			problems = append(problems, &Problem{Key: k.Name, Origin: origin, Reason: err.Error()})
		}
		loaded.Values = append(loaded.Values, Value{Key: k, Text: k.Text(&loaded.Config), Origin: origin})
	}
	if len(problems) == 0 {
		problems = loaded.Config.validate()
		for _, p := range problems {
			p.Origin = loaded.origin(p.Key)
		}
	}
	if len(problems) > 0 {
		return nil, joinProblems(problems)
	}
	return loaded, nil
}

func (l *Loaded) origin(key string) Origin {
	for _, v := range l.Values {
		if v.Key.Name == key {
			return v.Origin
		}
	}
	return Origin{}
}

// located is a value as text and where it was set.
type located struct {
	text   string
	origin Origin
}

func originOf(k Key, flags *pflag.FlagSet, environment, file map[string]located) Origin {
	if flag := flagOf(flags, k); flag != nil && flag.Changed {
		return Origin{Kind: OriginFlag, Name: "--" + k.Flag}
	}
	if v, ok := environment[k.Name]; ok {
		return v.origin
	}
	if v, ok := file[k.Name]; ok {
		return v.origin
	}
	return Origin{}
}

func flagOf(flags *pflag.FlagSet, k Key) *pflag.Flag {
	if flags == nil || k.Flag == "" {
		return nil
	}
	return flags.Lookup(k.Flag)
}

// environmentValues finds the variables of noded. Variables with its prefix that no key has are warned about
// rather than refused: Kubernetes sets some for every service, such as NODED_SERVICE_HOST.
func environmentValues(environ []string, keys []Key) (map[string]located, []string) {
	values := make(map[string]located)
	var warnings []string
	for _, assignment := range environ {
		name, text, _ := strings.Cut(assignment, "=")
		if !strings.HasPrefix(name, variablePrefix) || name == FileVariable {
			continue
		}
		i := slices.IndexFunc(keys, func(k Key) bool { return k.Variable() == name })
		if i < 0 {
			if !strings.HasPrefix(name, variablePrefix+"SERVICE_") && !strings.HasPrefix(name, variablePrefix+"PORT") {
				warnings = append(warnings, fmt.Sprintf("environment variable %s is not known%s", name, didYouMean(name, variables(keys))))
			}
			continue
		}
		values[keys[i].Name] = located{text, Origin{Kind: OriginEnvironment, Name: name}}
	}
	return values, warnings
}

func variables(keys []Key) []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Variable()
	}
	return names
}

// nested turns keys with dots into maps of maps, the form that viper keeps.
func nested(values map[string]located) map[string]any {
	out := make(map[string]any)
	for key, v := range values {
		section, name, _ := strings.Cut(key, ".")
		inner, ok := out[section].(map[string]any)
		if !ok {
			inner = make(map[string]any)
			out[section] = inner
		}
		inner[name] = v.text
	}
	return out
}

func readFile(s Sources, keys []Key) (*file, []*Problem) {
	if s.File == "" {
		return nil, nil
	}
	f, problems, err := openFile(s.File, keys)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !s.FileRequired:
		return nil, nil
	case err != nil:
		return nil, []*Problem{{Origin: Origin{Kind: OriginFile, Name: s.File}, Reason: err.Error()}}
	}
	return f, problems
}
