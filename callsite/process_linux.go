package callsite

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// process is the process of the thread whose stack is asked for.
type process struct {
	tid, tgid int
	innerTid  int // tid as the program itself knows it, in its own pid namespace
	key       processKey
}

// processKey tells one program in one process from every other: numbers are reused, and execve(2) keeps them.
type processKey struct {
	tgid  int
	image string // of /proc/PID/stat: start time, and the addresses of code, stack and arguments
	exe   fileKey
}

func openProcess(tid int) (*process, error) {
	fail := func(err error) (*process, error) {
		return nil, fmt.Errorf("%w: thread %d: %w", ErrUnknown, tid, err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	if err != nil {
		return fail(err)
	}
	p := &process{tid: tid, innerTid: tid}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		if len(fields) == 0 {
			continue
		}
		switch last := fields[len(fields)-1]; name {
		case "Tgid":
			p.tgid, _ = strconv.Atoi(last)
		case "NSpid":
			p.innerTid, _ = strconv.Atoi(last)
		}
	}
	if p.tgid <= 0 {
		return fail(fmt.Errorf("no Tgid in /proc/%d/status", tid))
	}
	// By way of task, as the file of the process itself adds up the times of all its threads.
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/stat", p.tgid, p.tgid))
	if err != nil {
		return fail(err)
	}
	// The name in field 2 may hold blanks and parentheses; field 3 follows the last of these.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 48 {
		return fail(fmt.Errorf("%d fields in /proc/%d/stat, expected 50 or more", len(fields)+2, p.tgid))
	}
	field := func(n int) string { return fields[n-3] } // as counted in proc(5)
	exe, err := os.Stat(p.path("exe"))
	if err != nil {
		return fail(err)
	}
	p.key = processKey{
		tgid:  p.tgid,
		image: strings.Join([]string{field(22), field(26), field(28), field(48)}, " "),
		exe:   keyOf(exe),
	}
	return p, nil
}

func (p *process) path(name string) string { return fmt.Sprintf("/proc/%d/%s", p.tgid, name) }

// stackPointer is where the thread's stack ends, from the system call that it is held in.
func (p *process) stackPointer() (sp, pc uint64, err error) {
	name := fmt.Sprintf("/proc/%d/task/%d/syscall", p.tgid, p.tid)
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, 0, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	fields := strings.Fields(string(text))
	if len(fields) < 3 {
		return 0, 0, fmt.Errorf("%w: thread %d is running, expected it in a system call", ErrUnknown, p.tid)
	}
	sp, err1 := strconv.ParseUint(fields[len(fields)-2], 0, 64)
	pc, err2 := strconv.ParseUint(fields[len(fields)-1], 0, 64)
	if err1 != nil || err2 != nil {
		return 0, 0, fmt.Errorf("%w: %s says %q, expected sp and pc", ErrUnknown, name, text)
	}
	return sp, pc, nil
}

// mapping is one line of /proc/PID/maps.
type mapping struct {
	start, end, offset, inode uint64
	path                      string // "" without a file
}

func (p *process) mappings() ([]mapping, error) {
	const limit = 16 << 20
	f, err := os.Open(p.path("maps"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	var maps []mapping
	for line := range strings.Lines(string(text)) {
		if m, ok := parseMapping(line); ok {
			maps = append(maps, m)
		}
	}
	return maps, nil
}

// parseMapping reads a line such as "55d0-55e0 r-xp 00002000 fd:00 131 /usr/bin/python3.11".
func parseMapping(line string) (mapping, bool) {
	var fields [5]string
	for i := range fields {
		line = strings.TrimLeft(line, " ")
		fields[i], line, _ = strings.Cut(line, " ")
	}
	start, end, _ := strings.Cut(fields[0], "-")
	m := mapping{path: strings.TrimSuffix(strings.TrimLeft(line, " "), "\n")}
	var errs [4]error
	m.start, errs[0] = strconv.ParseUint(start, 16, 64)
	m.end, errs[1] = strconv.ParseUint(end, 16, 64)
	m.offset, errs[2] = strconv.ParseUint(fields[2], 16, 64)
	m.inode, errs[3] = strconv.ParseUint(strings.TrimSpace(fields[4]), 10, 64)
	return m, errs == [4]error{}
}
