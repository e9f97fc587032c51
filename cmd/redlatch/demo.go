package main

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/redlatch/redlatch/cmd/redlatch/internal/demo"
	"github.com/redlatch/redlatch/cmd/redlatch/internal/servers"
)

const (
	maxReplicas    = 26
	maxNodes       = 9
	minFor         = time.Second
	defaultFor     = 5 * time.Second
	defaultForMany = 8 * time.Second // with several nodes: time to see one go and come back
)

// demoFlags are the flags of the demo as they were given.
type demoFlags struct {
	replicas int
	nodes    int
	duration time.Duration
	redis    string

	nodesGiven, durationGiven, redisGiven bool
}

func newDemo() *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch processes take turns under one lock",
		Long: `Demo starts a server and several processes, its replicas, which take turns
under one lock, and draws who holds it when.

It needs nothing installed: the server is a Redis-compatible one inside this
command, on a free port of 127.0.0.1. The replicas are real processes, and reach
it through real connections. With --nodes 3 there are three such servers, of
which the lock needs a majority: half-way one of them is stopped, and started
again a little later, while the turns go on. With --redis it runs on your own
servers.

That there is never more than one inside is not taken from the lock's word. A
replica that has the lock tells this process before it begins and when it is
done, and waits for the answer each time; this process counts who is inside.

In a terminal the turns are drawn, or printed line by line if the output goes
elsewhere. NO_COLOR turns colours off. Ctrl-C ends it early and cleanly.

The exit status is 0 if turns were taken and never two at once, 1 if not or if a
replica failed, 64 if the command was misused, and 130 after Ctrl-C.`,
		Example: `  redlatch demo
  redlatch demo --replicas 10 --for 20s
  redlatch demo --nodes 3
  redlatch demo --redis localhost:6379
  redlatch demo --redis 10.0.0.1:6379,10.0.0.2:6379,10.0.0.3:6379
  redlatch demo | grep 'replica 2'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.nodesGiven = cmd.Flags().Changed("nodes")
			f.durationGiven = cmd.Flags().Changed("for")
			f.redisGiven = cmd.Flags().Changed("redis")
			config, err := f.config()
			if err != nil {
				return err
			}
			config.Out, config.Err = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return demo.Run(cmd.Context(), config)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.IntVar(&f.replicas, "replicas", 4, "how many processes take turns, 1 to 26")
	flags.DurationVar(&f.duration, "for", defaultFor, "for how long, 1s or more; 8s by default with several nodes")
	flags.IntVar(&f.nodes, "nodes", 1, "how many servers to start, 1 to 9")
	flags.StringVar(&f.redis, "redis", "", "run on your server instead: `host:port`, several with commas")
	return cmd
}

// config returns what the flags ask for, or the *usageError of what is wrong.
func (f demoFlags) config() (demo.Config, error) {
	switch {
	case f.replicas < 1 || f.replicas > maxReplicas:
		return demo.Config{}, misuse("--replicas is %d: it must be from 1 to %d", f.replicas, maxReplicas)
	case f.nodes < 1 || f.nodes > maxNodes:
		return demo.Config{}, misuse("--nodes is %d: it must be from 1 to %d", f.nodes, maxNodes)
	case f.nodesGiven && f.redisGiven:
		return demo.Config{}, misuse("--nodes starts servers and --redis names running ones: give one of the two")
	case f.durationGiven && f.duration < minFor:
		return demo.Config{}, misuse("--for is %v: it must be at least %v", f.duration, minFor)
	}
	c := demo.Config{Replicas: f.replicas, Nodes: f.nodes, For: f.duration, Replica: replicaCommand}
	if !f.durationGiven && f.nodes > 1 {
		c.For = defaultForMany
	}
	if f.redisGiven {
		addrs, err := servers.Parse(f.redis)
		if err != nil {
			return demo.Config{}, misuse("--redis: %v", err)
		}
		c.Servers = addrs
	}
	return c, nil
}

// The hidden subcommand that one replica of the demo is.
const demoReplica = "demo-replica"

// replicaCommand returns the command that is one replica: this program again.
func replicaCommand(number int, addrs []string, lock string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return exec.Command(self, demoReplica,
		"--number", strconv.Itoa(number), // for those who look at the list of processes
		"--lock", lock,
		"--redis", strings.Join(addrs, ",")), nil
}

func newDemoReplica() *cobra.Command {
	var lock, redis string
	cmd := &cobra.Command{
		Use:    demoReplica,
		Short:  "One replica of the demo, which starts it",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			demo.LeaveSignalsToParent()
			addrs, err := servers.Parse(redis)
			if err != nil {
				return misuse("--redis: %v", err)
			}
			take, done := demo.OnServers(addrs, lock)
			defer done()
			return demo.Replica(cmd.InOrStdin(), cmd.OutOrStdout(), take)
		},
	}
	cmd.Flags().Int("number", 0, "its number")
	cmd.Flags().StringVar(&lock, "lock", "", "the lock's name")
	cmd.Flags().StringVar(&redis, "redis", "", "the servers")
	return cmd
}
