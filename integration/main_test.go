package integration

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redlatch/redlatch/integration/servers"
	"github.com/redlatch/redlatch/integration/soak"
)

// images are the servers that everything is tested on.
var images = []string{"redis:7.0", "redis:8.0", "valkey/valkey:8.1", "valkey/valkey:9.1"}

// edges are the oldest of them and the newest, for what makes no difference between
// servers that other tests would not find.
var edges = []string{images[0], images[len(images)-1]}

// engine is where the servers run; nil if there is none.
var engine *servers.Engine

// The program of the tests plays other parts, too, in processes of their own.
const roleVariable = "REDLATCH_INTEGRATION_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "guard":
		exitIf(servers.KeepGuard(os.Args[1]))
	case "contender":
		exitIf(contend(os.Args[1], os.Args[2], os.Args[3:]))
	case "soaker":
		exitIf(soak.Client(os.Args[1:]))
	case "brief":
		exitIf(beBrief(os.Args[1], os.Args[2]))
	default:
		flag.Parse()
		os.Exit(run(m))
	}
}

func exitIf(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run runs the tests, with the engine if there is one, and makes sure that no
// container is left. It returns the program's exit code.
func run(m *testing.M) int {
	found, err := servers.Find(lifetime())
	if errors.Is(err, servers.ErrNoEngine) {
		if os.Getenv("REDLATCH_DOCKER") != "require" {
			code := m.Run()
			fmt.Printf("integration: %v: %s\n", err, leftOut.String())
			return code
		}
		err = fmt.Errorf("%w, and REDLATCH_DOCKER=require", err)
	}
	if err == nil {
		err = found.Need(images...)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		return 1
	}
	stop, err := found.Guard(roleVariable + "=guard")
	if err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		return 1
	}
	engine = found
	sideBySide()
	code := m.Run()
	used, left, err := engine.Close()
	fmt.Printf("integration: %d containers used, %d left\n", used, left)
	if err = errors.Join(err, stop()); err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
	}
	if left > 0 || err != nil {
		return 1
	}
	return code
}

// sideBySide makes all images be tested side by side, on any number of
// processors: the tests wait for the engine most of the time. A number that was
// asked for stands.
func sideBySide() {
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		flag.Set("test.parallel", strconv.Itoa(len(images)))
	}
}

// lifetime returns how long a container is to live at most: a little longer than
// the tests.
func lifetime() time.Duration {
	if f := flag.Lookup("test.timeout"); f != nil {
		if timeout, ok := f.Value.(flag.Getter).Get().(time.Duration); ok && timeout > 0 {
			return timeout + time.Minute
		}
	}
	return 24 * time.Hour
}

// leftOut is what was not tested for want of an engine.
var leftOut list

type list struct {
	mu    sync.Mutex
	names []string // guarded by mu
}

func (l *list) add(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.names, name) {
		l.names = append(l.names, name)
	}
}

func (l *list) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.names) == 0 {
		return "no test was left out"
	}
	return fmt.Sprintf("left out the %d tests on real servers: %s", len(l.names), strings.Join(l.names, ", "))
}

// needServers leaves the test out if there is no engine.
func needServers(t testing.TB) {
	t.Helper()
	if engine == nil {
		leftOut.add(t.Name())
		t.SkipNow()
	}
}

// onEach runs the test once for every image. Images are tested side by side.
func onEach(t *testing.T, test func(t *testing.T, g *servers.Group)) {
	t.Helper()
	on(t, images, test)
}

// on is onEach for some images.
func on(t *testing.T, images []string, test func(t *testing.T, g *servers.Group)) {
	t.Helper()
	needServers(t)
	for _, image := range images {
		t.Run(short(image), func(t *testing.T) {
			t.Parallel()
			test(t, engine.Lease(t, image))
		})
	}
}

// onNodes runs the test once for every image and number of nodes.
func onNodes(t *testing.T, numbers []int, test func(t *testing.T, nodes []*servers.Server)) {
	t.Helper()
	onNodesOf(t, images, numbers, test)
}

// onNodesOf is onNodes for some images.
func onNodesOf(t *testing.T, images []string, numbers []int, test func(t *testing.T, nodes []*servers.Server)) {
	t.Helper()
	on(t, images, func(t *testing.T, g *servers.Group) {
		for _, n := range numbers {
			t.Run(caseName(n), func(t *testing.T) { test(t, g.Nodes(t, n)) })
		}
	})
}

// short returns an image's name without its repository's owner.
func short(image string) string { return image[strings.LastIndexByte(image, '/')+1:] }

// caseName returns the name of a subtest on n nodes.
func caseName(n int, what ...string) string {
	return strings.Join(append([]string{fmt.Sprintf("N=%d", n)}, what...), "/")
}
