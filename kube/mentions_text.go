package kube

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// text finds URLs and HOST:PORT in a text. Of a secret one HOST:PORT counts where its name says that it is one.
func (m *mentions) text(w *Workload, at Pos, by, text string, secret, isHost bool) bool {
	found := false
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;\"'|<>()", r) }) {
		if i := strings.IndexByte(part, '='); i >= 0 && !strings.Contains(part[:i], "://") { // --db=postgres://...
			part = part[i+1:]
		}
		part = strings.TrimPrefix(part, "jdbc:")
		if i := strings.Index(part, "://"); i > 0 {
			found = m.url(w, at, by, part) || found
			continue
		}
		if secret && !isHost {
			continue
		}
		host, port, ok := cutPort(part)
		if !ok {
			continue
		}
		if s := m.serviceNamed(w, host); s != nil {
			m.add(at, "", serviceHost(s), TCP, by, port)
			found = true
		} else if plausibleHost(host) {
			m.add(at, "", host, TCP, by, port)
			found = true
		}
	}
	return found
}

// url takes scheme, host and port of a URL alone.
func (m *mentions) url(w *Workload, at Pos, by, text string) bool {
	scheme, rest, _ := strings.Cut(text, "://")
	scheme = strings.ToLower(scheme)
	if scheme == "file" || scheme == "unix" || strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyz0123456789+-.") != "" {
		return false
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	u, err := url.Parse("x://" + rest)
	if err != nil || u.Hostname() == "" {
		return false
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	var ports []uint16
	if n, err := strconv.ParseUint(u.Port(), 10, 16); err == nil && n > 0 {
		ports = []uint16{uint16(n)}
	}
	if s := m.serviceNamed(w, host); s != nil {
		host = serviceHost(s)
	} else if _, err := netip.ParseAddr(host); err != nil && !isDNSName(host) {
		return false
	}
	m.add(at, scheme, host, TCP, by, ports...)
	return true
}

func cutPort(s string) (string, uint16, bool) {
	i := strings.LastIndexByte(s, ':')
	if i <= 0 {
		return "", 0, false
	}
	n, err := strconv.ParseUint(s[i+1:], 10, 16)
	host := strings.ToLower(s[:i])
	if strings.HasPrefix(host, "[") {
		host = strings.Trim(host, "[]")
	} else if strings.Contains(host, ":") {
		return "", 0, false
	}
	return strings.TrimSuffix(host, "."), uint16(n), err == nil && n > 0
}

// plausibleHost reports whether a word without a scheme is a host: an address, or a name of several labels whose last has letters.
func plausibleHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	i := strings.LastIndexByte(s, '.')
	return i > 0 && isDNSName(s) && len(s)-i > 2 && strings.Trim(s[i+1:], "abcdefghijklmnopqrstuvwxyz") == ""
}

func isDNSName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789.-_") == "" && strings.Trim(s, "0123456789.") != ""
}

// serviceNamed is the Service that a host is for a pod of a workload.
func (m *mentions) serviceNamed(w *Workload, host string) *Service {
	labels := strings.Split(host, ".")
	namespace := w.Namespace
	switch {
	case len(labels) == 1:
	case len(labels) == 2, labels[2] == "svc":
		namespace = labels[1]
	default:
		return nil
	}
	for _, s := range m.e.cluster.Services {
		if s.Name == labels[0] && s.Namespace == namespace {
			return s
		}
	}
	return nil
}

func serviceHost(s *Service) string { return s.Name + "." + s.Namespace + ".svc" }
