package kube

import (
	"fmt"
	"strings"
)

// ProxyUse is what the objects say of HTTP proxies for a workload.
type ProxyUse struct {
	// Cluster is the object Proxy cluster of OpenShift, nil where there is none, or it names no proxy. OpenShift puts its values into the
	// environment of its own components, of builds and of operators that it manages, not of other pods.
	Cluster         *Proxy
	HTTP, HTTPS, No ProxyValue // in use: by the status, else by the spec
	Containers      []ContainerProxy
	Reasons         []Reason // what is not known
	Notes           []string
}

// ProxyValue is a value, and where it stands.
type ProxyValue struct {
	Pos
	Value string
}

// ContainerProxy is the variables of one container that name proxies, as they stand: programs read most of them in small letters, in
// capitals or both.
type ContainerProxy struct {
	Container *Container
	Variables []EnvVar
}

// ProxyUse tells the proxy of the cluster, and the variables that a workload's containers have.
func (e *Evaluator) ProxyUse(from *Workload) ProxyUse {
	var u ProxyUse
	for _, p := range e.cluster.Proxies {
		if p.Name == "cluster" {
			u.cluster(p)
		}
	}
	for i := range from.Pod.Containers {
		c := &from.Pod.Containers[i]
		x := ContainerProxy{Container: c}
		for _, v := range c.Env {
			if !isProxyVariable(v.Name) {
				continue
			}
			x.Variables = append(x.Variables, v)
			if v.From {
				u.Reasons = append(u.Reasons, Reason{Pos: v.Pos, Field: v.Name + " of container " + c.Name, Words: "its value comes from elsewhere"})
			}
		}
		if c.EnvFrom.Line > 0 {
			u.Reasons = append(u.Reasons, Reason{Pos: c.EnvFrom, Field: "envFrom of container " + c.Name, Words: "may set variables that name proxies"})
		}
		if len(x.Variables) > 0 {
			u.Containers = append(u.Containers, x)
		}
	}
	if u.Cluster != nil && len(u.Containers) == 0 && len(u.Reasons) == 0 {
		u.Notes = append(u.Notes, fmt.Sprintf("the cluster has a proxy, and no container of %v is told of it: programs that need it have to be given HTTP_PROXY, HTTPS_PROXY and NO_PROXY", from))
	}
	return u
}

func (u *ProxyUse) cluster(p *Proxy) {
	if p.Broken() {
		at := p.Errors[0]
		u.Reasons = append(u.Reasons, Reason{Pos: at.Pos, Field: p.String(), Words: at.What})
		return
	}
	pick := func(status, spec string, at Pos) ProxyValue {
		if status == "" {
			status = spec
		}
		if status == "" {
			return ProxyValue{}
		}
		return ProxyValue{at, status}
	}
	u.HTTP = pick(p.StatusHTTP, p.HTTP, p.HTTPPos)
	u.HTTPS = pick(p.StatusHTTPS, p.HTTPS, p.HTTPSPos)
	u.No = pick(p.StatusNo, p.No, p.NoPos)
	if u.HTTP.Value != "" || u.HTTPS.Value != "" {
		u.Cluster = p
	}
	if u.Cluster != nil && p.StatusNo == "" {
		u.Notes = append(u.Notes, "status.noProxy is not in the object: the operator adds .cluster.local, .svc, localhost, 127.0.0.1, the addresses of pods, services and machines, and the API server's name to what the spec says")
	}
}

// isProxyVariable reports whether programs take a variable for a proxy's.
func isProxyVariable(name string) bool {
	switch strings.ToLower(name) {
	case "http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy":
		return true
	}
	return false
}
