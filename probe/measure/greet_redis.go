//go:build linux

package measure

import (
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/probe"
)

// greetRedis sends PING, which a server that wants a login refuses in a way of its own, and asks for the version.
func greetRedis(s *session) (*probe.Answer, error) {
	if err := s.say("PING\r\n"); err != nil {
		return nil, err
	}
	line, err := s.line()
	if err != nil {
		return nil, err
	}
	a, ok := redisAnswer(line)
	if !ok {
		return nil, errOther
	}
	if line != "+PONG" || s.say("INFO server\r\n") != nil {
		return a, nil
	}
	a.Version = s.redisVersion()
	return a, nil
}

// redisAnswer reads an answer to PING (https://redis.io/docs/latest/develop/reference/protocol-spec/).
func redisAnswer(line string) (*probe.Answer, bool) {
	a := &probe.Answer{Service: "redis"}
	word, words, _ := strings.Cut(line, " ")
	switch word {
	case "+PONG":
		return a, words == ""
	case "-NOAUTH", "-NOPERM":
		a.Detail = []string{"wants a login"}
	case "-DENIED":
		a.Detail = []string{"denies other hosts: protected mode"}
	case "-LOADING", "-BUSY", "-MASTERDOWN", "-MISCONF":
		a.Detail = []string{clean(words)}
	case "-ERR":
		if !strings.HasPrefix(words, "unknown command") && !strings.HasPrefix(words, "max number of clients") && !strings.HasPrefix(words, "operation not permitted") {
			return nil, false
		}
		a.Detail = []string{clean(words)}
	default:
		return nil, false
	}
	return a, true
}

// redisVersion reads the answer to INFO: one text of many lines.
func (s *session) redisVersion() string {
	head, err := s.line()
	if err != nil || !strings.HasPrefix(head, "$") {
		return ""
	}
	size, err := strconv.Atoi(head[1:])
	if err != nil || size < 0 || size > 16<<10 {
		return ""
	}
	b, err := s.bytes(size)
	if err != nil {
		return ""
	}
	for line := range strings.SplitSeq(string(b), "\r\n") {
		for name, product := range map[string]string{"valkey_version:": "Valkey ", "redis_version:": ""} {
			if v, ok := strings.CutPrefix(line, name); ok {
				return clean(product + v)
			}
		}
	}
	return ""
}
