// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/noded/noded/daemon"
	"github.com/noded/noded/daemon/config"
	"github.com/noded/noded/daemon/logging"
	"github.com/noded/noded/daemon/notify"
	"github.com/noded/noded/daemon/socket"
)

// The exit codes of noded.
const (
	ExitOK      = 0
	ExitFailure = 1
	// ExitUsage: the command line or the configuration is wrong.
	ExitUsage = 2
)

// Options are what the commands need from outside.
type Options struct {
	// Version is the version of noded; empty for that of the module.
	Version string
	// Environ is the environment; nil for that of the process.
	Environ []string
}

// usageError marks errors of the command line and of the configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// Main runs noded with args, without the program's name, and returns its exit code.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer, o Options) int {
	cmd := NewCommand(o)
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "noded: %v\n", err)
		return ExitUsage
	default:
		fmt.Fprintf(stderr, "noded: %v\n", err)
		return ExitFailure
	}
}

// NewCommand returns the tree of commands.
func NewCommand(o Options) *cobra.Command {
	if o.Version == "" {
		o.Version = moduleVersion()
	}
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	cmd := &cobra.Command{
		Use:   "noded [flags]",
		Short: "Serve the journal, container logs and usage of this node over a unix socket",
		Long: `noded serves the systemd journal, the logs of pods and containers, and what node, pods and
units use, over gRPC on a unix socket, for nodectl and other clients. It runs in the
foreground until SIGTERM or SIGINT; SIGHUP makes it read its configuration again.

Values come from the first of these that has them: flag, environment variable (NODED_ and
the key in upper case with underscores: NODED_LOG_LEVEL), configuration file, default.
"noded config show" prints each value and where it comes from.

Exit status: 0 after an orderly stop, 1 on failure, 2 when the command line or the
configuration is wrong.`,
		Example: `  # Serve this node's journal, as the package's noded.service does.
  noded

  # Serve a copied journal to yourself, without root.
  noded --socket /tmp/noded.sock --journal-directory ./var/log/journal
  nodectl --address unix:///tmp/noded.sock journal kubelet --since 1h

  # Test a configuration file before a reload.
  noded config check /etc/noded/noded.yaml && systemctl reload noded`,
		Version:       o.Version,
		Args:          noArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return serve(cmd, o) },
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
	})
	cmd.PersistentFlags().String("config", config.DefaultFile, "configuration file; also "+config.FileVariable)
	config.AddFlags(cmd.PersistentFlags())
	cmd.CompletionOptions.HiddenDefaultCmd = true
	cmd.AddCommand(newConfigCommand(o), newVersionCommand(o))
	return cmd
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unknown argument %q; see %s --help", args[0], cmd.CommandPath())}
	}
	return nil
}

func newVersionCommand(o Options) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of noded",
		Example: "  noded version",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "noded version %s\n", o.Version)
			return err
		},
	}
}

func moduleVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// sources returns where the configuration of a command comes from.
func sources(cmd *cobra.Command, o Options) config.Sources {
	s := config.Sources{File: config.DefaultFile, Environ: o.Environ, Flags: cmd.Flags()}
	if file, ok := lookupEnv(o.Environ, config.FileVariable); ok {
		s.File, s.FileRequired = file, file != ""
	}
	if flag := cmd.Flags().Lookup("config"); flag != nil && flag.Changed {
		s.File, s.FileRequired = flag.Value.String(), flag.Value.String() != ""
	}
	return s
}

func lookupEnv(environ []string, name string) (string, bool) {
	for _, assignment := range environ {
		if len(assignment) > len(name) && assignment[len(name)] == '=' && assignment[:len(name)] == name {
			return assignment[len(name)+1:], true
		}
	}
	return "", false
}

// serve is noded itself.
func serve(cmd *cobra.Command, o Options) error {
	load := func() (*config.Loaded, error) { return config.Load(sources(cmd, o)) }
	loaded, err := load()
	if err != nil {
		return usageError{fmt.Errorf("configuration:\n%w", err)}
	}
	level := new(slog.LevelVar)
	level.Set(loaded.Config.Log.Level)
	stream, _ := lookupEnv(o.Environ, "JOURNAL_STREAM")
	logger, err := logging.New(cmd.ErrOrStderr(), loaded.Config.Log.Format, level, stream)
	if err != nil {
		return usageError{err}
	}
	for _, warning := range loaded.Warnings {
		logger.Warn("configuration", "err", warning)
	}
	listeners, err := socket.Activated()
	if err != nil {
		return err
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	return daemon.Run(cmd.Context(), daemon.Options{
		Loaded:    loaded,
		Reload:    load,
		Hangup:    hangup,
		Logger:    logger,
		Level:     level,
		Version:   o.Version,
		Notifier:  notify.FromEnvironment(logger),
		Listeners: listeners,
	})
}
