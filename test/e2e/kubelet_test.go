// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/noded/noded/client"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/test/containerd"
)

const (
	// soon is how long anything may take that noded is to learn from the runtime.
	soon         = 2 * time.Minute
	lookInterval = 20 * time.Millisecond
)

type podScriptKey struct{}

// podScript plays the kubelet for a script.
type podScript struct {
	cd         *containerd.Runtime
	client     *client.Client
	pods       map[string]*containerd.RunningPod       // by NAMESPACE/NAME
	containers map[string]*containerd.RunningContainer // the newest run, by NAMESPACE/POD/CONTAINER
	before     map[string]*containerd.RunningContainer // the run before it
}

type podCommand func(s *podScript, ctx context.Context, ts *testscript.TestScript, args []string) error

// podCommands are the commands of scripts by name.
func podCommands() map[string]podCommand {
	return map[string]podCommand{
		"pod": (*podScript).pod, "removepod": (*podScript).removePod,
		"run": (*podScript).run, "restart": (*podScript).restart, "ended": (*podScript).ended, "stop": (*podScript).stop, "forget": (*podScript).forget,
		"open": (*podScript).open, "logged": (*podScript).logged, "shown": (*podScript).shown, "rotate": (*podScript).rotate, "idof": (*podScript).idOf, "runtime": (*podScript).runtime,
	}
}

// pod NAMESPACE/NAME [uid=UID] [LABEL=VALUE | @ANNOTATION=VALUE]... starts a pod on the network of the node.
func (s *podScript) pod(ctx context.Context, _ *testscript.TestScript, args []string) error {
	if len(args) == 0 {
		return errors.New("usage: pod NAMESPACE/NAME [uid=UID] [LABEL=VALUE | @ANNOTATION=VALUE]")
	}
	namespace, name, _ := strings.Cut(args[0], "/")
	p := containerd.Pod{
		Namespace: namespace, Name: name, HostNetwork: true, Labels: make(map[string]string), Annotations: make(map[string]string),
	}
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		if annotation, ok := strings.CutPrefix(key, "@"); ok {
			p.Annotations[annotation] = value
		} else if key == "uid" {
			p.UID = value
		} else {
			p.Labels[key] = value
		}
	}
	pod, err := s.cd.RunPod(ctx, p)
	if err != nil {
		return err
	}
	s.pods[args[0]] = pod
	return nil
}

// removePod NAMESPACE/NAME [logs] ends a pod and makes the runtime forget it; with "logs" its logs go too.
func (s *podScript) removePod(ctx context.Context, _ *testscript.TestScript, args []string) error {
	if len(args) == 0 || s.pods[args[0]] == nil {
		return fmt.Errorf("no such pod: %q", args)
	}
	pod := s.pods[args[0]]
	if err := pod.Remove(ctx); err != nil {
		return err
	}
	if len(args) > 1 {
		if err := pod.RemoveLogs(); err != nil {
			return err
		}
	}
	return untilKnown(ctx, "pod "+args[0]+" is gone", func() (bool, error) {
		got, _, err := s.client.Pod(ctx, pod.Namespace, pod.Name, pod.UID)
		if errors.Is(err, inventory.ErrNotFound) {
			return true, nil
		}
		return got.LogsOnly && len(args) == 1 && len(got.Containers) > 0, err
	})
}

// gate is the directory of containers with a step that waits for a file in it.
const gate = "/gate"

// run NAMESPACE/POD/CONTAINER [memory=MIB] STEP... starts a container and waits until noded knows it. At await:/gate/open it waits for open.
func (s *podScript) run(ctx context.Context, ts *testscript.TestScript, args []string) error {
	if len(args) < 2 {
		return errors.New("usage: run NAMESPACE/POD/CONTAINER [memory=MIB] [STEP]")
	}
	i := strings.LastIndexByte(args[0], '/')
	pod := s.pods[args[0][:max(i, 0)]]
	if pod == nil {
		return fmt.Errorf("no such pod: %s", args[0])
	}
	c := containerd.Container{Name: args[0][i+1:], Args: args[1:]}
	if mib, ok := strings.CutPrefix(args[1], "memory="); ok {
		n, err := strconv.ParseInt(mib, 10, 64)
		if err != nil {
			return err
		}
		c.MemoryLimit, c.Args = n<<20, args[2:]
	}
	if slices.ContainsFunc(c.Args, func(arg string) bool { return strings.HasPrefix(arg, "await:"+gate+"/") }) {
		c.Mounts = []*cri.Mount{{ContainerPath: gate, HostPath: ts.MkAbs("gate-" + strings.ReplaceAll(args[0], "/", "-")), Readonly: true}}
		if err := os.Mkdir(c.Mounts[0].GetHostPath(), 0o755); err != nil {
			return err
		}
	}
	started, err := pod.Start(ctx, c)
	if err != nil {
		return err
	}
	s.containers[args[0]] = started
	return s.known(ctx, started, false)
}

// container returns the container that the first argument names.
func (s *podScript) container(args []string) (*containerd.RunningContainer, error) {
	if len(args) == 0 || s.containers[args[0]] == nil {
		return nil, fmt.Errorf("no such container: %q", args)
	}
	return s.containers[args[0]], nil
}

// restart NAMESPACE/POD/CONTAINER [STEP]... waits for the end of a container and starts its next run.
func (s *podScript) restart(ctx context.Context, _ *testscript.TestScript, args []string) error {
	c, err := s.container(args)
	if err != nil {
		return err
	}
	if _, err := c.Wait(ctx); err != nil {
		return err
	}
	// The next run may be known before the end of this one otherwise.
	if err := s.known(ctx, c, true); err != nil {
		return err
	}
	next, err := c.Restart(ctx, args[1:]...)
	if err != nil {
		return err
	}
	s.containers[args[0]], s.before[args[0]] = next, c
	return s.known(ctx, next, false)
}

// ended NAMESPACE/POD/CONTAINER waits until noded knows of the end of a container.
func (s *podScript) ended(ctx context.Context, _ *testscript.TestScript, args []string) error {
	c, err := s.container(args)
	if err != nil {
		return err
	}
	if _, err := c.Wait(ctx); err != nil {
		return err
	}
	return s.known(ctx, c, true)
}

// stop NAMESPACE/POD/CONTAINER ends a container and waits until noded knows.
func (s *podScript) stop(ctx context.Context, ts *testscript.TestScript, args []string) error {
	c, err := s.container(args)
	if err != nil {
		return err
	}
	if err := c.Stop(ctx, time.Minute); err != nil {
		return err
	}
	return s.ended(ctx, ts, args)
}

// known waits until noded knows a container, and its end if it has ended.
func (s *podScript) known(ctx context.Context, c *containerd.RunningContainer, ended bool) error {
	return untilKnown(ctx, "container "+c.Name+" is known", func() (bool, error) {
		pods, _, _, err := s.client.Containers(ctx, nil, []string{c.ID})
		if errors.Is(err, inventory.ErrNotFound) {
			return false, nil
		}
		if err != nil || len(pods) != 1 || len(pods[0].Containers) != 1 {
			return false, err
		}
		got := &pods[0].Containers[0]
		running, over := got.State == inventory.ContainerRunning, got.State == inventory.ContainerExited
		if over && c.MemoryLimit > 0 && *got.ExitCode == 137 && got.Reason != "OOMKilled" {
			return false, nil // containerd 1.6 calls it an error at first
		}
		return got.ID == c.ID && (over || running && !ended) && len(got.LoggedRuns) > 0, nil
	})
}

// forget NAMESPACE/POD/CONTAINER makes the runtime forget the run before the newest one.
func (s *podScript) forget(ctx context.Context, _ *testscript.TestScript, args []string) error {
	if len(args) == 0 || s.before[args[0]] == nil {
		return fmt.Errorf("no run before this one: %q", args)
	}
	return s.before[args[0]].Remove(ctx)
}

// open NAMESPACE/POD/CONTAINER lets a container go on that waits for it.
func (s *podScript) open(_ context.Context, _ *testscript.TestScript, args []string) error {
	c, err := s.container(args)
	if err != nil {
		return err
	}
	if len(c.Mounts) != 1 {
		return errors.New("it does not wait for anything")
	}
	return os.WriteFile(filepath.Join(c.Mounts[0].GetHostPath(), "open"), nil, 0o644)
}

// shown FILE REGEXP waits until something is in a file that a command in the background writes to.
func (s *podScript) shown(ctx context.Context, ts *testscript.TestScript, args []string) error {
	if len(args) != 2 {
		return errors.New("usage: shown FILE REGEXP")
	}
	re, err := regexp.Compile("(?m)" + args[1])
	if err != nil {
		return err
	}
	return untilKnown(ctx, args[1]+" is in "+args[0], func() (bool, error) {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return re.Match(text), err
	})
}

// logged NAMESPACE/POD/CONTAINER TEXT waits until a text is in the live file of a log.
func (s *podScript) logged(ctx context.Context, _ *testscript.TestScript, args []string) error {
	c, err := s.container(args)
	if err != nil {
		return err
	}
	if len(args) != 2 {
		return errors.New("usage: logged NAMESPACE/POD/CONTAINER TEXT")
	}
	return untilKnown(ctx, strconv.Quote(args[1])+" is in the log", func() (bool, error) {
		text, err := os.ReadFile(c.LogFile())
		return strings.Contains(string(text), args[1]), err
	})
}

// rotate NAMESPACE/POD/CONTAINER rotates a log as the kubelet does.
func (s *podScript) rotate(ctx context.Context, _ *testscript.TestScript, args []string) error {
	c, err := s.container(args)
	if err != nil {
		return err
	}
	return c.Rotate(ctx, containerd.Rotation{})
}

// idof NAMESPACE/POD/CONTAINER NAME puts the id of a container into a variable.
func (s *podScript) idOf(_ context.Context, ts *testscript.TestScript, args []string) error {
	c, err := s.container(args)
	if err != nil {
		return err
	}
	if len(args) != 2 {
		return errors.New("usage: idof NAMESPACE/POD/CONTAINER NAME")
	}
	ts.Setenv(args[1], c.ID)
	return nil
}

// runtime down|kill|up takes containerd away, or brings it back, and waits until noded knows.
func (s *podScript) runtime(ctx context.Context, _ *testscript.TestScript, args []string) error {
	act, ok := map[string]func(context.Context) error{"down": s.cd.Down, "kill": s.cd.Kill, "up": s.cd.Up}[strings.Join(args, " ")]
	if !ok {
		return errors.New("usage: runtime down|kill|up")
	}
	if err := act(ctx); err != nil {
		return err
	}
	return untilKnown(ctx, "containerd is "+args[0], func() (bool, error) {
		_, problems, err := s.client.Pods(ctx, inventory.PodSelector{})
		away := slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, "containerd") })
		return away == (args[0] != "up"), err
	})
}

// untilKnown waits until a look says yes.
func untilKnown(ctx context.Context, what string, look func() (bool, error)) error {
	for deadline := time.Now().Add(soon); ; time.Sleep(lookInterval) {
		ok, err := look()
		if ok && err == nil {
			return nil
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("not within %v: %s", soon, what), err, ctx.Err())
		}
	}
}
