package diagnose

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// environ reads the environment that a process was started with (proc_pid_environ(5)), which is the program's and not always sallyport's;
// ok is false where it may not be read. What a program sets for itself later is not in it.
func environ(pid int) (map[string]string, bool) {
	if pid == 0 {
		return nil, false
	}
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil || len(b) == 0 && !alive(pid) {
		return nil, false
	}
	return variables(strings.Split(string(b), "\x00")), true
}

// variables are the entries "NAME=value" of an environment, by their names.
func variables(entries []string) map[string]string {
	env := make(map[string]string, len(entries))
	for _, entry := range entries {
		if k, v, ok := strings.Cut(entry, "="); ok {
			env[k] = v
		}
	}
	return env
}

// alive reports whether a process has memory of its own still: an ended one's environment reads as empty.
func alive(pid int) bool {
	_, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	return err == nil
}

// of is the facts with what is known of the program itself: its environment, unless that could not be read, and the marks of where it runs.
func (f Facts) of(e *experiment) Facts {
	f.Platform = e.place.over(f.Platform)
	env := e.env
	if env == nil {
		return f
	}
	f.Proxies, f.NoProxy = nil, ""
	environment(&f, func(name string) string { return env[name] })
	return f
}

// machineProxies are the proxies that the machine's settings name, for programs whose environment names none: environment(7)'s
// file that pam_env(8) reads at a login, and apt's (apt.conf(5)).
func machineProxies() []Proxy {
	var out []Proxy
	const etc = "/etc/environment"
	settings := make(map[string]string)
	for line := range strings.Lines(read(etc)) {
		k, v, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		if ok {
			settings[k] = strings.Trim(v, `"'`)
		}
	}
	for _, name := range proxyVariables {
		if p, ok := parseProxy(settings[name]); ok {
			p.Variable, p.From = name, etc
			out = append(out, p)
		}
	}
	files, _ := filepath.Glob("/etc/apt/apt.conf.d/*")
	for _, file := range append(files, "/etc/apt/apt.conf") {
		for line := range strings.Lines(read(file)) {
			key, value, ok := strings.Cut(strings.TrimSpace(line), " ")
			scheme, found := strings.CutSuffix(strings.ToLower(strings.TrimPrefix(key, "Acquire::")), "::proxy")
			if p, valid := parseProxy(strings.Trim(value, ` ";`)); ok && found && valid && (scheme == "http" || scheme == "https") {
				p.Variable, p.From = key, file
				out = append(out, p)
			}
		}
	}
	return out
}
