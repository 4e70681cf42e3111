// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// simulate returns a live screen of a size, of what a node uses at once.
func simulate(t *testing.T, n *fakeStats, f *topFlags, width, height int) (*liveScreen, tcell.SimulationScreen) {
	t.Helper()
	screen := tcell.NewSimulationScreen("UTF-8")
	if err := screen.Init(); err != nil {
		t.Fatal(err)
	}
	screen.SetSize(width, height)
	node := n.node
	s := newLiveScreen(f, screen, &node)
	s.take(s.ask(t.Context(), n, s.view))
	s.draw()
	return s, screen
}

// linesOf is what is on the screen, without the spaces at the ends of lines.
func linesOf(screen tcell.SimulationScreen) []string {
	cells, width, height := screen.GetContents()
	lines := make([]string, height)
	for y := range lines {
		var b strings.Builder
		for _, c := range cells[y*width : (y+1)*width] {
			b.WriteString(string(c.Runes))
		}
		lines[y] = strings.TrimRight(b.String(), " ")
	}
	return lines
}

func textOf(screen tcell.SimulationScreen) string {
	return strings.TrimRight(strings.Join(linesOf(screen), "\n"), "\n") + "\n"
}

// press handles keys, one rune each, and draws.
func press(t *testing.T, s *liveScreen, keys string) (end bool) {
	t.Helper()
	for _, r := range keys {
		var err error
		if end, err = s.handle(tcell.NewEventKey(tcell.KeyRune, r, tcell.ModNone)); err != nil {
			t.Fatal(err)
		}
		s.draw()
	}
	return end
}

func pressKey(t *testing.T, s *liveScreen, key tcell.Key) (end bool) {
	t.Helper()
	end, err := s.handle(tcell.NewEventKey(key, 0, tcell.ModNone))
	if err != nil {
		t.Fatal(err)
	}
	s.draw()
	return end
}

// refresh asks for what the screen shows, and draws.
func refresh(t *testing.T, s *liveScreen, n *fakeStats) {
	t.Helper()
	s.take(s.ask(t.Context(), n, s.view))
	s.draw()
}

func TestScreenLayout(t *testing.T) {
	t.Parallel()
	n := busyNode()
	s, screen := simulate(t, n, &topFlags{kind: stats.KindPod}, 120, 12)
	clock := fakeNow.Local().Format(time.TimeOnly)
	want := `node1  ` + clock + `  up 3d
CPU 1235m 15% of 8                 █  memory 3072Mi 18%  swap 1Mi  in 2.0Ki/s out 1.5Ki/s  read 1.0Mi/s write 0/s
2 pods by name
NAMESPACE    NAME           CPU     MEMORY         CPU TREND      TASKS       IN/s      OUT/s     READ/s    WRITE/s
default      web-1         301m      250Mi                 █         12       1000        500          0          0
kube-system  proxy-x  <unknown>      400Mi                            5     <host>     <host>  <unknown>  <unknown>





q quit  / filter  tab p o u view  sort: c m n d s a  space pause
`
	if diff := cmp.Diff(want, textOf(screen)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}

	press(t, s, "o")
	refresh(t, s, n)
	lines := linesOf(screen)
	if lines[2] != "4 containers by name" || !strings.HasPrefix(lines[3], "NAMESPACE    POD      NAME                  CPU     MEMORY") || !strings.Contains(lines[3], "MEM%") {
		t.Errorf("containers: %q", lines)
	}
	if !strings.Contains(lines[7], `lonely\x1b[31m`) {
		t.Errorf("escapes of a name: %q", lines[7])
	}
	press(t, s, "u")
	refresh(t, s, n)
	if lines = linesOf(screen); lines[2] != "3 units by name" || !strings.HasPrefix(lines[4], "system.slice") {
		t.Errorf("units: %q", lines)
	}
	pressKey(t, s, tcell.KeyTab)
	refresh(t, s, n)
	if lines = linesOf(screen); lines[2] != "1 node by name" || !strings.HasPrefix(lines[4], "node1") {
		t.Errorf("node: %q", lines)
	}
	pressKey(t, s, tcell.KeyBacktab)
	if lines = linesOf(screen); lines[2] != "units ..." || lines[4] != "" {
		t.Errorf("units before they are known: %q", lines)
	}
}

// TestScreenSizes: nothing is drawn over anything else, whatever the size.
func TestScreenSizes(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{0, 0}, {1, 1}, {5, 3}, {20, 5}, {60, 10}, {300, 80}} {
		s, screen := simulate(t, busyNode(), &topFlags{kind: stats.KindContainer}, size[0], size[1])
		s.draw()
		for _, line := range linesOf(screen) {
			if len([]rune(line)) > size[0] {
				t.Errorf("%v: %q", size, line)
			}
		}
		if size[0] == 60 && linesOf(screen)[3] != "NAMESPACE    POD      NAME                  CPU     MEMORY" {
			t.Errorf("heading at 60: %q", linesOf(screen)[3])
		}
		if size[0] == 20 && !strings.HasPrefix(linesOf(screen)[3], "~  ~  ~  ") {
			t.Errorf("names are cut where there is no room: %q", linesOf(screen)[3])
		}
	}
}

func TestScreenKeys(t *testing.T) {
	t.Parallel()
	n := busyNode()
	s, screen := simulate(t, n, &topFlags{kind: stats.KindContainer}, 100, 20)
	first := func() string { return strings.Fields(linesOf(screen)[4])[2] }
	for _, step := range []struct{ key, first, status string }{
		{"c", "app", "4 containers by cpu"}, {"m", "proxy", "4 containers by memory"}, {"d", "app", "4 containers by disk"},
		{"n", "app", "4 containers by network"}, {"s", "app", "4 containers by swap"}, {"a", "app", "4 containers by name"},
	} {
		press(t, s, step.key)
		if first() != step.first || linesOf(screen)[2] != step.status {
			t.Errorf("%s: first is %s, %q", step.key, first(), linesOf(screen)[2])
		}
	}
	press(t, s, "/PrOxq")
	if got := linesOf(screen)[19]; got != "filter: PrOxq" {
		t.Errorf("typing: %q", got)
	}
	pressKey(t, s, tcell.KeyBackspace2)
	if x, y, visible := screen.GetCursor(); x != len("filter: PrOx") || y != 19 || !visible {
		t.Errorf("cursor at %d, %d, %v", x, y, visible)
	}
	pressKey(t, s, tcell.KeyEnter)
	if linesOf(screen)[2] != `1 of 4 containers by name, with "PrOx"` || first() != "proxy" || linesOf(screen)[19] != keyHelp {
		t.Errorf("filtered: %q", linesOf(screen))
	}
	pressKey(t, s, tcell.KeyEscape)
	if linesOf(screen)[2] != "4 containers by name" {
		t.Errorf("no filter: %q", linesOf(screen)[2])
	}
	press(t, s, "/zz")
	pressKey(t, s, tcell.KeyEscape)
	if s.typing || s.filter != "" {
		t.Error("escape does not end the filter")
	}

	press(t, s, " ")
	n.usages = nil
	refresh(t, s, n)
	if lines := linesOf(screen); !strings.HasSuffix(lines[0], "  PAUSED") || lines[2] != "4 containers by name" {
		t.Errorf("paused: %q", lines)
	}
	press(t, s, " ")
	refresh(t, s, n)
	if lines := linesOf(screen); strings.Contains(lines[0], "PAUSED") || lines[2] != "0 containers by name" || len(s.traces) != 1 {
		t.Errorf("going on: %q, %d traces", lines, len(s.traces))
	}
	if !press(t, s, "q") || !pressKey(t, s, tcell.KeyCtrlC) {
		t.Error("q and ^C do not end")
	}
	press(t, s, "/")
	if press(t, s, "q") || !pressKey(t, s, tcell.KeyCtrlC) {
		t.Error("in a filter q is a letter, and ^C ends")
	}
}

// TestScreenScrolls: rows beyond the screen can be reached, and no others.
func TestScreenScrolls(t *testing.T) {
	t.Parallel()
	n := busyNode()
	n.usages = nil
	for i := range 25 {
		n.usages = append(n.usages, figures{}.of(stats.Entity{Key: stats.Key{Kind: stats.KindUnit, ID: fmt.Sprint(i)}, Name: fmt.Sprintf("u%02d.service", i)}))
	}
	s, screen := simulate(t, n, &topFlags{kind: stats.KindUnit}, 80, 15)
	shows := func() string {
		lines := linesOf(screen)
		return strings.Fields(lines[4])[0] + " " + strings.Fields(lines[13])[0]
	}
	for _, step := range []struct {
		key  tcell.Key
		want string
	}{
		{tcell.KeyUp, "u00.service u09.service"}, {tcell.KeyDown, "u01.service u10.service"}, {tcell.KeyPgDn, "u11.service u20.service"},
		{tcell.KeyEnd, "u15.service u24.service"}, {tcell.KeyDown, "u15.service u24.service"}, {tcell.KeyPgUp, "u05.service u14.service"},
		{tcell.KeyHome, "u00.service u09.service"},
	} {
		if pressKey(t, s, step.key); shows() != step.want {
			t.Errorf("%s: %s, want %s", tcell.KeyNames[step.key], shows(), step.want)
		}
	}
}

// TestScreenTrend: the line is of the last looks, each once, and of the rows that are there.
func TestScreenTrend(t *testing.T) {
	t.Parallel()
	n := busyNode()
	n.usages = n.usages[:2]
	s, screen := simulate(t, n, &topFlags{kind: stats.KindPod}, 100, 8)
	for i := range 20 {
		u := &n.usages[0]
		u.Time = fakeNow.Add(time.Duration(i) * time.Second)
		u.Sum.CPU = float64(i%8) / 8
		refresh(t, s, n)
		refresh(t, s, n)
	}
	if line := linesOf(screen)[4]; !strings.Contains(line, "▅▆▇█▁▂▃▄▅▆▇█▁▂▃▄") && !strings.Contains(line, "▆▇█▁▂▃▄▅▆▇█▁▂▃▄▅") {
		t.Errorf("trend: %q", line)
	}
	n.usages[0].Sum.CPU = 0.001
	for i := range 20 {
		n.usages[0].Time = fakeNow.Add(time.Duration(100+i) * time.Second)
		refresh(t, s, n)
	}
	if line := linesOf(screen)[4]; !strings.Contains(line, strings.Repeat("▁", sparkWidth)) {
		t.Errorf("what idles looks busy: %q", line)
	}
	for i := range 3 * traceLength {
		n.usages[0].Time = fakeNow.Add(time.Duration(200+i) * time.Second)
		refresh(t, s, n)
	}
	if got := len(s.traces[n.usages[0].Entity.Key].values); got != traceLength {
		t.Errorf("%d values are kept", got)
	}
}

// TestScreenRuns: the screen follows the looks, survives errors, and ends with a key or the context. The terminal is given back.
func TestScreenRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := busyNode()
		s, screen := simulate(t, n, &topFlags{kind: stats.KindUnit}, 100, 12)
		ended := make(chan error, 1)
		go func() { ended <- s.run(t.Context(), n) }()
		change := func(f func()) {
			n.mu.Lock()
			f()
			n.mu.Unlock()
			n.looks <- struct{}{}
			synctest.Wait()
		}
		change(func() { n.usages[len(n.usages)-1].Rates.Put(metric.CPUUsage, 0.777) })
		if !strings.Contains(textOf(screen), " 777m ") {
			t.Errorf("the screen does not follow:\n%s", textOf(screen))
		}
		change(func() { n.err = errors.New("noded is away\nfor now") })
		if got := linesOf(screen)[11]; got != "error: noded is away; for now" || !strings.Contains(textOf(screen), " 777m ") {
			t.Errorf("error: %q", got)
		}
		change(func() { n.err = nil })
		if got := linesOf(screen)[11]; got != keyHelp {
			t.Errorf("after the error: %q", got)
		}
		screen.InjectKey(tcell.KeyRune, 'p', tcell.ModNone)
		synctest.Wait()
		if got := linesOf(screen)[2]; got != "2 pods by name" {
			t.Errorf("another view comes at once: %q", got)
		}
		screen.InjectKey(tcell.KeyRune, 'q', tcell.ModNone)
		if err := <-ended; err != nil {
			t.Errorf("q: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		n := busyNode()
		s, _ := simulate(t, n, &topFlags{kind: stats.KindPod}, 100, 12)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.run(ctx, n) }()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

// TestScreenViews: what was named is kept in the views in which it can mean the same.
func TestScreenViews(t *testing.T) {
	t.Parallel()
	f := &topFlags{kind: stats.KindPod, containers: true, namespace: "shop", names: []string{"web"}, ids: []string{"3f"}}
	if f.rowKind() != stats.KindContainer {
		t.Error("--containers begins with the containers")
	}
	for kind, want := range map[stats.Kind][2]int{stats.KindPod: {1, 0}, stats.KindContainer: {1, 1}, stats.KindUnit: {0, 0}, stats.KindNode: {0, 0}} {
		if v := f.inView(kind); len(v.names) != want[0] || len(v.ids) != want[1] || v.namespace != "shop" {
			t.Errorf("in view %v: %+v", kind, v)
		}
	}
	if v := (&topFlags{kind: stats.KindUnit, names: []string{"ssh.service"}}).inView(stats.KindPod); len(v.names) != 0 {
		t.Errorf("units are no pods: %+v", v)
	}
}

func TestUnknownTerminal(t *testing.T) {
	t.Parallel()
	for term, ok := range map[string]bool{"xterm": true, "xterm-256color": true, "screen": true, "linux": true, "tmux-256color": true, "no-such-terminal": false, "": false} {
		g := &globals{os: "linux", Streams: Streams{Getenv: func(string) string { return term }}}
		if err := g.checkTerminal(); (err == nil) != ok {
			t.Errorf("TERM=%s: %v", term, err)
		}
	}
}
