//go:build linux

package measure

import (
	"os"
	"strings"

	"github.com/sallyport/sallyport/attempt"
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
	text, err := os.ReadFile(file)
	if err != nil {
		return profile.Resolver{}
	}
	conf := attempt.ParseResolver(string(text))
	r := profile.Resolver{Search: conf.Search}
	for _, a := range conf.Servers {
		r.Servers = append(r.Servers, a.Unmap().WithZone(""))
	}
	if conf.Ndots != 1 {
		r.Ndots = &conf.Ndots
	}
	return r
}
