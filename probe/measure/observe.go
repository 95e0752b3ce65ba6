//go:build linux

package measure

import (
	"bufio"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/profile"
)

// Environment is the proxy variables of this process, without users and passwords.
func Environment() map[string]string {
	var env map[string]string
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		switch strings.ToLower(name) {
		case "http_proxy", "https_proxy", "all_proxy", "no_proxy":
		default:
			continue
		}
		if scheme, rest, ok := strings.Cut(value, "://"); ok {
			authority, path, _ := strings.Cut(rest, "/")
			if i := strings.LastIndexByte(authority, '@'); i >= 0 {
				value = scheme + "://" + authority[i+1:]
				if path != "" {
					value += "/" + path
				}
			}
		}
		if env == nil {
			env = map[string]string{}
		}
		env[name] = value
	}
	return env
}

// ReadResolver reads a file of the form of /etc/resolv.conf, as far as a profile tells of it. A file that cannot be read is the zero value.
func ReadResolver(file string) profile.Resolver {
	var r profile.Resolver
	f, err := os.Open(file)
	if err != nil {
		return r
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	for in.Scan() {
		fields := strings.Fields(in.Text())
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "nameserver":
			if a, err := netip.ParseAddr(fields[1]); err == nil {
				r.Servers = append(r.Servers, a.Unmap().WithZone(""))
			}
		case "search", "domain": // the last of them counts
			r.Search = nil
			for _, d := range fields[1:] {
				if d = strings.ToLower(strings.Trim(d, ".")); d != "" {
					r.Search = append(r.Search, d)
				}
			}
		case "options":
			for _, o := range fields[1:] {
				if n, ok := strings.CutPrefix(o, "ndots:"); ok {
					if k, err := strconv.Atoi(n); err == nil && k >= 0 {
						k = min(k, 15)
						r.Ndots = &k
					}
				}
			}
		}
	}
	return r
}
