package measure

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// processed returns how many commands the first server has processed: those that
// clients sent, and those that scripts called.
func (b *Bench) processed() (int64, error) {
	text, err := redis.String(b.Servers[0].Do("INFO", "stats"))
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(field(text, "total_commands_processed"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("INFO stats has no total_commands_processed: %w", err)
	}
	return n, nil
}

// Version returns what the servers are.
func (b *Bench) Version() (string, error) {
	text, err := redis.String(b.Servers[0].Do("INFO", "server"))
	if err != nil {
		return "", err
	}
	if v := field(text, "valkey_version"); v != "" {
		return "Valkey " + v, nil
	}
	return "Redis " + field(text, "redis_version"), nil
}

// field returns a field of what INFO says, or "".
func field(text, name string) string {
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
