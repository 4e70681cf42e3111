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
	"github.com/google/go-cmp/cmp/cmpopts"

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
	refresh(t, s, n)
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
	f := s.flags.inView(s.view)
	f.withNode = true
	list, err := n.ListStats(t.Context(), f.selection())
	if err != nil {
		t.Fatal(err)
	}
	s.take(frame{view: s.view, look: f.lookOf(list, n.node.Machine), at: time.Now()})
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





q quit  ? help  / filter  tab p o u view  sort: c m n d s a  space pause
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
	if lines = linesOf(screen); lines[2] != "3 units by path" || !strings.HasPrefix(lines[4], "system.slice") {
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
	clock := fakeNow.Local().Format(time.TimeOnly)
	const usage = "CPU 1235m 15% of 8                 █  memory 3072Mi 18%  swap 1Mi  in 2.0Ki/s out 1.5Ki/s  read 1.0Mi/s write 0/s"
	for _, tt := range []struct {
		width, height int
		want          []string
	}{
		{0, 0, nil},
		{1, 1, []string{"n"}},
		{30, 1, []string{"node1  " + clock + "  up 3d"}},
		{30, 2, []string{"node1  " + clock + "  up 3d", usage[:18]}},
		{5, 3, []string{"node1", "CPU 1", "4 con"}},
		{20, 4, []string{"node1  " + clock + "  up", "CPU 1235m 15% of 8", "4 containers by name", "q quit  ? help  / fi"}},
		{20, 5, []string{"node1  " + clock + "  up", "CPU 1235m 15% of 8", "4 containers by name", "~  ~  ~        CPU", "q quit  ? help  / fi"}},
		{60, 6, []string{
			"node1  " + clock + "  up 3d", "CPU 1235m 15% of 8                 █  memory 3072Mi 18%", "4 containers by name",
			"NAMESPACE    POD      NAME                  CPU     MEMORY",
			"default      web-1    app                  300m      200Mi",
			"q quit  ? help  / filter  tab p o u view  sort: c m n d s a",
		}},
		{180, 6, []string{
			"node1  " + clock + "  up 3d", usage, "4 containers by name",
			"NAMESPACE    POD      NAME                  CPU     MEMORY         CPU TREND      LIMIT       MEM%      TASKS     READ/s    WRITE/s       SWAP",
			"default      web-1    app                  300m      200Mi                 █      256Mi        78%         10      4.0Ki          0        0Mi",
			keyHelp,
		}},
	} {
		_, screen := simulate(t, busyNode(), &topFlags{kind: stats.KindContainer}, tt.width, tt.height)
		got := linesOf(screen)
		for i := range got {
			if i < len(tt.want) && tt.width < len([]rune(tt.want[i])) {
				tt.want[i] = strings.TrimRight(string([]rune(tt.want[i])[:tt.width]), " ")
			}
		}
		if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%dx%d (-want +got):\n%s", tt.width, tt.height, diff)
		}
	}
	// Swap takes no room where there is none.
	n := busyNode()
	n.node.Machine.SwapBytes = 0
	n.node.Usage.Numbers.Put(metric.MemorySwap, 0)
	if _, screen := simulate(t, n, &topFlags{kind: stats.KindPod}, 80, 6); linesOf(screen)[1] != strings.Replace(usage[:strings.Index(usage, "  read")], "  swap 1Mi", "", 1) {
		t.Errorf("without swap: %q", linesOf(screen)[1])
	}
	// What is typed and what is wrong is to be seen on the smallest one, too.
	s, screen := simulate(t, busyNode(), &topFlags{kind: stats.KindPod}, 30, 1)
	press(t, s, "/web")
	if got := linesOf(screen)[0]; got != "filter: web" {
		t.Errorf("typing: %q", got)
	}
	pressKey(t, s, tcell.KeyEnter)
	s.take(frame{view: s.view, err: errors.New("away")})
	if s.draw(); linesOf(screen)[0] != "error: away" {
		t.Errorf("error: %q", linesOf(screen)[0])
	}
}

// differing are pods of which each is the first in another order.
func differing() *fakeStats {
	n := busyNode()
	n.usages = nil
	for i, name := range []string{"alpha", "cpu", "disk", "memory", "network", "swap"} {
		of := func(v uint64) uint64 {
			if i == int(v) {
				return 50 << 20
			}
			return uint64(10-i) << 20
		}
		u := figures{read: float64(of(2)), receive: float64(of(4)), tasks: 1}.of(stats.Entity{Key: stats.Key{Kind: stats.KindPod, ID: name}, Namespace: "default", Name: name})
		u.Sum = stats.Sum{Containers: 1, Rated: true, CPU: float64(of(1)) / (100 << 20), WorkingSet: of(3), Swap: of(5), HasWorkingSet: true, HasSwap: true}
		n.usages = append(n.usages, u)
	}
	return n
}

func TestScreenKeys(t *testing.T) {
	t.Parallel()
	n := differing()
	s, screen := simulate(t, n, &topFlags{kind: stats.KindPod}, 100, 20)
	first := func() string { return strings.Fields(linesOf(screen)[4])[1] }
	for _, step := range []struct{ key, first string }{{"c", "cpu"}, {"m", "memory"}, {"d", "disk"}, {"n", "network"}, {"s", "swap"}, {"a", "alpha"}} {
		press(t, s, step.key)
		if want := "6 pods by " + strings.Replace(step.first, "alpha", "name", 1); first() != step.first || linesOf(screen)[2] != want {
			t.Errorf("%s: first is %s, %q", step.key, first(), linesOf(screen)[2])
		}
	}
	press(t, s, "/MeMq")
	if got := linesOf(screen)[19]; got != "filter: MeMq" {
		t.Errorf("typing: %q", got)
	}
	pressKey(t, s, tcell.KeyBackspace2)
	if x, y, visible := screen.GetCursor(); x != len("filter: MeM") || y != 19 || !visible {
		t.Errorf("cursor at %d, %d, %v", x, y, visible)
	}
	pressKey(t, s, tcell.KeyEnter)
	if linesOf(screen)[2] != `1 of 6 pods by name, with "MeM"` || first() != "memory" || linesOf(screen)[19] != keyHelp {
		t.Errorf("filtered: %q", linesOf(screen))
	}
	pressKey(t, s, tcell.KeyEscape)
	if linesOf(screen)[2] != "6 pods by name" {
		t.Errorf("no filter: %q", linesOf(screen)[2])
	}
	press(t, s, "/zz")
	pressKey(t, s, tcell.KeyEscape)
	if s.typing || s.filter != "" {
		t.Error("escape does not end the filter")
	}
	press(t, s, "?")
	if got := linesOf(screen); !strings.HasPrefix(got[3], "q  Ctrl-C ") || strings.Contains(textOf(screen), "alpha") {
		t.Errorf("help: %q", got)
	}
	press(t, s, "c")
	if first() != "alpha" || s.help {
		t.Error("a key that ends the help does something else")
	}
	stopped := 0
	s.suspend = func() error { stopped++; return nil }
	press(t, s, "/")
	if pressKey(t, s, tcell.KeyCtrlZ) || pressKey(t, s, tcell.KeyCtrlL) || stopped != 1 || !s.typing {
		t.Errorf("stopped %d times, still typing: %v", stopped, s.typing)
	}
	if press(t, s, "q") || !pressKey(t, s, tcell.KeyCtrlC) {
		t.Error("in a filter q is a letter, and ^C ends")
	}
	pressKey(t, s, tcell.KeyEscape)
	if !press(t, s, "q") || !pressKey(t, s, tcell.KeyCtrlC) || !press(t, s, "?q") {
		t.Error("q and ^C do not end")
	}
}

// TestScreenPaused: what is shown stays as it is, but for another view, and what is wrong. What came meanwhile is in the trend.
func TestScreenPaused(t *testing.T) {
	t.Parallel()
	n := busyNode()
	s, screen := simulate(t, n, &topFlags{kind: stats.KindContainer}, 100, 20)
	all := n.usages
	next := func() {
		n.look++
		for i := range n.usages {
			n.usages[i].Time = n.usages[i].Time.Add(time.Second)
		}
		refresh(t, s, n)
	}
	press(t, s, " ")
	before := linesOf(screen)[2:]
	n.usages = all[:3:3]
	for range 3 {
		next()
	}
	if lines := linesOf(screen); !strings.HasSuffix(lines[0], "  PAUSED") || !cmp.Equal(before, lines[2:]) {
		t.Errorf("paused: %q", lines)
	}
	s.take(frame{view: s.view, err: errors.New("away")})
	if s.draw(); linesOf(screen)[19] != "error: away" {
		t.Errorf("an error while it is paused: %q", linesOf(screen)[19])
	}
	next()
	if linesOf(screen)[19] != keyHelp {
		t.Errorf("an error that is over: %q", linesOf(screen)[19])
	}
	press(t, s, " ")
	if lines := linesOf(screen); strings.Contains(lines[0], "PAUSED") || lines[2] != "2 containers by name" || !strings.Contains(lines[4], "           █████ ") {
		t.Errorf("going on: %q", lines)
	}
	press(t, s, " u")
	n.usages = all
	next()
	if lines := linesOf(screen); lines[2] != "3 units by path" || !strings.Contains(lines[0], "PAUSED") {
		t.Errorf("another view while it is paused: %q", lines)
	}
	for range 100 {
		next()
	}
	if len(s.held) != sparkWidth {
		t.Errorf("%d frames are held", len(s.held))
	}
}

// dim reports whether a line is.
func dim(screen tcell.SimulationScreen, y int) bool {
	cells, width, _ := screen.GetContents()
	_, _, attributes := cells[y*width].Style.Decompose()
	return attributes&tcell.AttrDim != 0
}

// TestScreenSilence: figures become old when nothing is heard, or noded is away, and no others.
func TestScreenSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := busyNode()
		s, screen := simulate(t, n, &topFlags{kind: stats.KindPod}, 80, 10)
		if dim(screen, 4) || !dim(screen, 5) {
			t.Error("of two rows the second is old")
		}
		time.Sleep(2*time.Second + 1)
		if s.draw(); !dim(screen, 4) || linesOf(screen)[9] != keyHelp {
			t.Errorf("after 3 s: %q", linesOf(screen)[9])
		}
		time.Sleep(2 * time.Second)
		if s.draw(); linesOf(screen)[9] != "noded has said nothing for 4s" {
			t.Errorf("after 4 s: %q", linesOf(screen)[9])
		}
		refresh(t, s, n)
		if dim(screen, 4) || linesOf(screen)[9] != keyHelp {
			t.Errorf("it is heard again: %q", linesOf(screen)[9])
		}
		s.take(frame{view: s.view, err: errors.New("noded went away")})
		if s.draw(); !dim(screen, 4) || linesOf(screen)[9] != "error: noded went away" {
			t.Errorf("it is away: %q", linesOf(screen)[9])
		}
		refresh(t, s, n)
		press(t, s, " ")
		time.Sleep(time.Minute)
		if s.draw(); dim(screen, 4) || linesOf(screen)[9] != keyHelp {
			t.Errorf("paused: %q", linesOf(screen)[9])
		}
	})
}

// TestScreenOptions: what the options ask for is on the screen.
func TestScreenOptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		flags  topFlags
		line   int
		want   string
		absent string
	}{
		{topFlags{kind: stats.KindPod, sum: true}, 2, "2 pods by name; together CPU 301m, memory 650Mi", ""},
		{topFlags{kind: stats.KindPod, showSwap: true}, 3, "NAMESPACE    NAME           CPU     MEMORY       SWAP         CPU TREND ", "WRITE/s       SWAP"},
		{topFlags{kind: stats.KindPod}, 3, "WRITE/s       SWAP", "AGE"},
		{topFlags{kind: stats.KindPod, format: "wide"}, 3, "WRITE/s       SWAP        AGE", "RESTARTS"},
		{topFlags{kind: stats.KindContainer, format: "wide"}, 4, "0Mi     <none>          3         1s", ""},
		{topFlags{kind: stats.KindContainer, format: "wide"}, 3, "SWAP  THROTTLED   RESTARTS        AGE", ""},
		{topFlags{kind: stats.KindPod, containers: true, sortBy: sortByMemory}, 2, "3 containers by memory", ""},
		{topFlags{kind: stats.KindPod, containers: true, sortBy: sortByMemory}, 4, "kube-system  proxy-x  proxy", ""},
		{topFlags{kind: stats.KindPod, containers: true, namespace: "default"}, 3, "POD    NAME        CPU", "NAMESPACE"},
		{topFlags{kind: stats.KindContainer, sortBy: sortByMemory}, 2, "4 containers by memory", ""},
	} {
		n := busyNode()
		s, screen := simulate(t, n, &tt.flags, 200, 12)
		for range 2 {
			if got := linesOf(screen)[tt.line]; !strings.Contains(got, tt.want) || tt.absent != "" && strings.Contains(got, tt.absent) {
				t.Errorf("%+v: %q", tt.flags, got)
			}
			refresh(t, s, n)
		}
	}
}

// TestScreenColumnsStay: columns are as wide as all rows need, and stay where they are when rows go away.
func TestScreenColumnsStay(t *testing.T) {
	t.Parallel()
	n := busyNode()
	s, screen := simulate(t, n, &topFlags{kind: stats.KindUnit}, 80, 6)
	heading := linesOf(screen)[3]
	if !strings.HasPrefix(heading, "NAME                   CPU ") {
		t.Errorf("the longest name is below the screen: %q", heading)
	}
	press(t, s, "/ssh")
	n.usages = n.usages[len(n.usages)-1:]
	refresh(t, s, n)
	if got := linesOf(screen); got[3] != heading || got[2] != `1 of 1 units by path, with "ssh"` {
		t.Errorf("after the others have gone: %q", got)
	}
	pressKey(t, s, tcell.KeyEscape)
	press(t, s, "p")
	refresh(t, s, n)
	if got := linesOf(screen)[3]; !strings.HasPrefix(got, "NAMESPACE  NAME        CPU ") {
		t.Errorf("another view: %q", got)
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
	if got := len(s.traces[n.usages[0].Entity.Key].values); got != sparkWidth {
		t.Errorf("%d values are kept", got)
	}
}

// TestScreenTrendKept: a trend survives another view, with a gap for the looks that were not seen, and not for long.
func TestScreenTrendKept(t *testing.T) {
	t.Parallel()
	n := busyNode()
	n.usages = n.usages[:2]
	s, screen := simulate(t, n, &topFlags{kind: stats.KindPod}, 100, 8)
	at := func(seconds int) {
		n.usages[0].Time = fakeNow.Add(time.Duration(seconds) * time.Second)
		n.node.Usage.Time = n.usages[0].Time
		list, err := n.ListStats(t.Context(), s.flags.inView(s.view).selection())
		if err != nil {
			t.Fatal(err)
		}
		list.Now = n.usages[0].Time
		s.take(frame{view: s.view, look: s.flags.inView(s.view).lookOf(list, n.node.Machine), at: time.Now()})
		s.draw()
	}
	at(0)
	at(1)
	press(t, s, "u")
	at(2)
	at(3)
	press(t, s, "p")
	at(4)
	if line := linesOf(screen)[4]; !strings.Contains(line, " ███  █ ") {
		t.Errorf("trend: %q", line)
	}
	press(t, s, "u")
	at(100)
	if len(s.traces) != 0 {
		t.Errorf("%d traces of what is not shown", len(s.traces))
	}
	// The clock was set back.
	press(t, s, "p")
	at(50)
	at(40)
	if line := linesOf(screen)[4]; !strings.Contains(line, "                █  ") {
		t.Errorf("trend: %q", line)
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
		n.mu.Lock()
		n.err = nil
		n.mu.Unlock()
		// What was read of the screen was read before it is drawn at its own times.
		screen.InjectKey(tcell.KeyUp, 0, tcell.ModNone)
		synctest.Wait()
		time.Sleep(2 * watchInterval)
		synctest.Wait()
		if got := linesOf(screen)[11]; got != keyHelp {
			t.Errorf("after the error: %q", got)
		}
		n.breaks <- errors.New("connect: refused")
		synctest.Wait()
		if got := linesOf(screen)[11]; got != "error: noded went away: connect: refused" || !dim(screen, 4) {
			t.Errorf("noded is away: %q", got)
		}
		change(func() {})
		if got := linesOf(screen)[11]; got != keyHelp || dim(screen, 4) {
			t.Errorf("noded is back: %q", got)
		}
		screen.InjectKey(tcell.KeyRune, 'p', tcell.ModNone)
		synctest.Wait()
		if got := linesOf(screen)[2]; got != "2 pods by name" {
			t.Errorf("another view comes at once: %q", got)
		}
		// One call for each view, and one after the error.
		var kinds []stats.Kind
		for _, req := range n.watched {
			kinds = append(kinds, req.Kinds[0])
		}
		if diff := cmp.Diff([]stats.Kind{stats.KindUnit, stats.KindUnit, stats.KindPod}, kinds); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
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

// TestTerminalOf: what can only print has no screen; what nobody knows is taken for like xterm, without its extensions.
func TestTerminalOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"xterm": "xterm", "xterm-256color": "xterm-256color", "screen": "screen", "linux": "linux", "tmux-256color": "tmux-256color",
		"no-such-terminal": "no-such-terminal", "": "", "dumb": "", "unknown": "",
	} {
		got := terminalOf(name)
		if got == nil && want == "" {
			continue
		}
		if got == nil || got.Name != want || got.SetCursor == "" || name == "no-such-terminal" && got.XTermLike {
			t.Errorf("TERM=%s: %+v", name, got)
		}
	}
	if known := terminalOf("xterm-256color"); known.Name != "xterm-256color" {
		t.Errorf("the description of another terminal has become that of %s", known.Name)
	}
}

// TestCellWidth: names and lines are as wide as the cells that they take.
func TestCellWidth(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"▁▂▃▄▅▆▇█": 8, "web": 3, "日本": 4, "ä": 1} {
		if got := cellWidth().StringWidth(text); got != want {
			t.Errorf("%s is %d wide, want %d", text, got, want)
		}
	}
	for charset, want := range map[string]bool{"UTF-8": true, "utf8": true, "utf-8": true, "ISO-8859-1": false, "US-ASCII": false} {
		if isUTF8(charset) != want {
			t.Errorf("%s is UTF-8: %v", charset, !want)
		}
	}
}
