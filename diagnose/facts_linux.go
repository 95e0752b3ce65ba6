package diagnose

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// capNetBindService is the bit of CAP_NET_BIND_SERVICE, <linux/capability.h>.
const capNetBindService = 10

// ReadFacts reads the facts. It opens some twenty small files: ask only when there is a failure.
func ReadFacts() Facts {
	f := Facts{
		UnprivilegedMin: -1,
		RouteLocalnet:   routeLocalnet("/proc/sys/net/ipv4/conf"),
		Landlock:        Unknown,
		SELinux:         selinux(),
	}
	f.PingGroups = read("/proc/sys/net/ipv4/ping_group_range")
	f.Addresses = interfaceAddresses()
	f.DefaultRoute4, f.AnyRoute4 = routes4(read("/proc/net/route"))
	f.DefaultRoute6, f.AnyRoute6 = routes6(read("/proc/net/ipv6_route"))
	if n, err := strconv.Atoi(read("/proc/sys/net/ipv4/ip_unprivileged_port_start")); err == nil {
		f.UnprivilegedMin = n
	}
	if s := read("/proc/sys/net/ipv4/ip_nonlocal_bind"); s != "" {
		f.NonlocalBind = answer(s == "1")
	}
	if s := read("/sys/kernel/security/lsm"); s != "" {
		f.Landlock = answer(strings.Contains(","+s+",", ",landlock,"))
	}
	if f.SELinux != "" {
		f.Context = strings.TrimRight(read("/proc/self/attr/current"), "\x00\n")
	}
	status := read("/proc/self/status")
	f.CapBindService = capability(status)
	if s := field(status, "Seccomp"); s != "" {
		f.Seccomp = answer(s == "2")
	}
	environment(&f, os.Getenv)
	f.MachineProxies = machineProxies()
	f.Platform = readPlatform("self", variables(os.Environ()))
	return f
}

// capBindService tells whether a process has CAP_NET_BIND_SERVICE; Unknown once it is gone.
func capBindService(pid int) Answer {
	return capability(read("/proc/" + strconv.Itoa(pid) + "/status"))
}

func capability(status string) Answer {
	caps, err := strconv.ParseUint(field(status, "CapEff"), 16, 64)
	if err != nil {
		return Unknown
	}
	return answer(caps>>capNetBindService&1 == 1)
}

// field is the value of "Name:\tvalue" in a status file, proc_pid_status(5).
func field(status, name string) string {
	for line := range strings.Lines(status) {
		if k, v, ok := strings.Cut(line, ":"); ok && k == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// routeLocalnet lists where route_localnet is set: it is in force where "all" or the interface has it
// (IN_DEV_ROUTE_LOCALNET, include/linux/inetdevice.h).
func routeLocalnet(dir string) []string {
	files, _ := filepath.Glob(filepath.Join(dir, "*", "route_localnet"))
	var out []string
	for _, file := range files {
		if name := filepath.Base(filepath.Dir(file)); name != "default" && read(file) == "1" {
			out = append(out, name)
		}
	}
	return out
}

func selinux() string {
	switch read("/sys/fs/selinux/enforce") {
	case "1":
		return "enforcing"
	case "0":
		return "permissive"
	}
	return ""
}
