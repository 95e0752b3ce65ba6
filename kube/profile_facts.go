package kube

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
)

// facts are what else the pod says of itself.
func (x *profiler) facts() profile.Facts {
	var f profile.Facts
	for _, a := range x.from.own {
		f.Addresses = append(f.Addresses, a.Unmap())
	}
	f.SeenAs = x.seenAs()
	for i := range x.from.Pod.Containers {
		c := &x.from.Pod.Containers[i]
		if c.Init {
			continue
		}
		for _, v := range c.Env {
			switch strings.ToLower(v.Name) {
			case "http_proxy", "https_proxy", "all_proxy", "no_proxy":
			default:
				continue
			}
			if f.Environment == nil {
				f.Environment = map[string]string{}
			}
			if _, there := f.Environment[v.Name]; !there && !v.From {
				f.Environment[v.Name] = v.Value
			}
		}
	}
	return f
}

// notes tell what the profile leaves out.
func (x *profiler) notes() []string {
	var notes []string
	unknown := 0
	var example *Workload
	for _, w := range x.e.Workloads() {
		if q := x.e.byObject[w]; !q.known && !q.Pod.HostNetwork && q != x.from {
			if unknown == 0 {
				example = w
			}
			unknown++
		}
	}
	switch {
	case unknown == 1:
		notes = append(notes, fmt.Sprintf("the address of %v is not in the objects, so the profile says of it what it says of any address", example))
	case unknown > 1:
		notes = append(notes, fmt.Sprintf("the addresses of %v and of %d more are not in the objects, so the profile says of them what it says of any address", example, unknown-1))
	}
	return notes
}

// binds makes the rule about ports that take a right, which are the first ones.
func (x *profiler) binds() profile.Bind {
	last := 1023
	for _, s := range x.from.Pod.Security.Sysctls {
		if n, err := strconv.Atoi(strings.TrimSpace(s.Value)); err == nil && s.Name == "net.ipv4.ip_unprivileged_port_start" {
			last = min(n, 65536) - 1
		}
	}
	if last < 1 {
		return profile.Bind{}
	}
	var may, mayNot []string
	reason := ""
	for _, d := range x.e.Bind(x.from.Workload, 1) {
		switch {
		case d.Container.Init && !d.Container.Sidecar:
		case d.Verdict == Allowed:
			may = append(may, d.Container.Name)
		default:
			mayNot = append(mayNot, d.Container.Name)
			if d.Verdict == Undecidable && reason == "" && len(d.Reasons) > 0 {
				reason = notDecidable + ": " + d.Reasons[0].String()
			}
			for _, s := range d.Chain {
				if s.Decides && reason == "" {
					reason = s.String()
				}
			}
		}
	}
	if len(mayNot) == 0 {
		return profile.Bind{}
	}
	if len(may) > 0 {
		reason = "container " + mayNot[0] + " (" + may[0] + " may): " + reason
	}
	return profile.Bind{Rules: []profile.BindRule{{
		Ports:   []profile.PortRange{{First: 1, Last: uint16(last)}},
		Verdict: profile.Verdict{Kind: profile.DenyErrno, Errno: attempt.EACCES},
		Reason:  reason,
	}}}
}

// seenAs is the addresses by which others see the pod, where all that are possible are known.
func (x *profiler) seenAs() []netip.Addr {
	var list []netip.Addr
	for _, s := range x.e.SourceSeen(x.from.Workload) {
		if !s.Certain {
			return nil
		}
		list = append(list, s.Addresses...)
	}
	return list
}
