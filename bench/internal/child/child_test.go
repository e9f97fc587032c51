package child

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	Play(map[string]func(*Session) error{
		"double": func(s *Session) error {
			for {
				var n int
				if err := s.Receive(&n); err != nil {
					return err
				}
				if n < 0 {
					return errors.New("it is negative")
				}
				if err := s.Send(2 * n); err != nil {
					return err
				}
			}
		},
	})
	os.Exit(m.Run())
}

func TestAsk(t *testing.T) {
	p, err := Start(context.Background(), "double", 4)
	if err != nil {
		t.Fatal(err)
	}
	var got int
	if err := p.Receive(&got); err != nil || got != 8 {
		t.Errorf("got %d, %v, want 8", got, err)
	}
	if err := p.Ask(5, &got); err != nil || got != 10 {
		t.Errorf("got %d, %v, want 10", got, err)
	}
	p.Stop()
	if !p.cmd.ProcessState.Success() {
		t.Errorf("it ended with %v", p.cmd.ProcessState)
	}
}

func TestChildThatFails(t *testing.T) {
	p, err := Start(context.Background(), "double", -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Receive(new(int)); err == nil || !strings.Contains(err.Error(), "it is negative") {
		t.Errorf("got %v, want what the child said", err)
	}
}

func TestEndOfContextKills(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	p, err := Start(ctx, "double", 1)
	if err != nil {
		t.Fatal(err)
	}
	var got int
	if err := p.Receive(&got); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := p.Receive(&got); err == nil || errors.Is(err, ErrOverdue) {
		t.Errorf("got %d, %v, want the child's end", got, err)
	}
}

func TestClock(t *testing.T) {
	a := Clock()
	b := Clock()
	if b < a || a == 0 {
		t.Errorf("got %v, then %v", a, b)
	}
}

func TestChildThatStandsStill(t *testing.T) {
	p, err := Start(context.Background(), "double", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill() // again
	var got int
	if err := p.Receive(&got); err != nil {
		t.Fatal(err)
	}
	if err := p.ReceiveWithin(time.Millisecond, &got); !errors.Is(err, ErrOverdue) {
		t.Errorf("got %v, want ErrOverdue", err)
	}
}
