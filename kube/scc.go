package kube

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// constraints are the SecurityContextConstraints that a pod is admitted by, and how they are known. Without an object, none change it.
type constraints struct {
	scc   *SecurityContextConstraints
	words string
	at    Pos
}

func (s *constraints) pos() Pos {
	if s.scc != nil {
		return s.scc.Pos
	}
	return s.at
}

func (s *constraints) String() string {
	if s.scc == nil {
		return "the pod's own fields"
	}
	return s.scc.Name
}

// constraintsOf are the constraints that may admit a pod, those that admission asks first at the front. A pod that runs tells by
// which it was admitted, and its fields have what they generate. Of others it is the first, by priority, restrictiveness and name, which its
// service account or its creator may use, and which its fields conform to (pkg/securitycontextconstraints/sccadmission/admission.go
// and sccmatching/matcher.go of openshift/apiserver-library-go). Who may use them is in RBAC too, which is not read, so that
// those named to the account for certain are the last that count.
func (e *Evaluator) constraintsOf(p *pod) ([]*constraints, []Reason) {
	if name := p.Pod.Annotations["openshift.io/scc"]; name != "" && p.IsPod() {
		s := &constraints{words: "admitted by " + name + ": the pod's fields have what it generates", at: p.Pos}
		if i := slices.IndexFunc(e.cluster.SCCs, func(s *SecurityContextConstraints) bool { return s.Name == name }); i >= 0 {
			s.at = e.cluster.SCCs[i].Pos
		}
		return []*constraints{s}, nil
	}
	if len(e.cluster.SCCs) == 0 {
		return []*constraints{{}}, nil
	}
	if name := p.Pod.Annotations["openshift.io/required-scc"]; name != "" {
		i := slices.IndexFunc(e.cluster.SCCs, func(s *SecurityContextConstraints) bool { return s.Name == name })
		if i < 0 {
			return nil, []Reason{{Pos: p.Pos, Field: "annotation openshift.io/required-scc", Words: "the object " + name + " was not given"}}
		}
		return []*constraints{{scc: e.cluster.SCCs[i], words: name + ", by openshift.io/required-scc"}}, nil
	}
	sorted := slices.Clone(e.cluster.SCCs)
	slices.SortStableFunc(sorted, func(a, b *SecurityContextConstraints) int {
		return cmp.Or(cmp.Compare(b.priority(), a.priority()), cmp.Compare(a.points(), b.points()), cmp.Compare(a.Name, b.Name))
	})
	var list []*constraints
	for _, s := range sorted {
		m := s.admits(p)
		if m == no {
			continue
		}
		c := &constraints{scc: s, words: s.Name + " may admit the pod (it is not known who may use it)"}
		list = append(list, c)
		if m == yes && s.namesAccount(p) {
			c.words = s.Name + " admits the pod, by priority, restrictiveness and name"
			if len(list) > 1 {
				c.words = s.Name + " admits the pod where those before it don't"
			}
			break
		}
	}
	if len(list) == 0 {
		return nil, []Reason{{Pos: p.Pos, Field: "SecurityContextConstraints", Words: "none of those given admits the pod"}}
	}
	return list, nil
}

func (s *SecurityContextConstraints) priority() int {
	if s.Priority == nil {
		return 0
	}
	return *s.Priority
}

// points are less the more restrictive constraints are (pointValue in util/sort/byrestrictions.go).
func (s *SecurityContextConstraints) points() int {
	points := 0
	add := func(when bool, n int) {
		if when {
			points += n
		}
	}
	add(s.AllowPrivileged, 1_600_000)
	add(s.AllowHostPorts, 800_000)
	add(s.AllowHostNetwork, 400_000)
	host, other := false, false
	for _, v := range s.Volumes {
		switch v {
		case "hostPath", "*":
			host = true
		case "secret", "configMap", "emptyDir", "downwardAPI", "projected", "none":
		default:
			other = true
		}
	}
	add(host, 200_000)
	add(other && !host, 100_000)
	strategies := map[string]int{"RunAsAny": 40_000, "MustRunAsNonRoot": 30_000, "MustRunAsRange": 20_000, "MustRunAs": 10_000}
	points += strategies[s.RunAsUser.Type] + strategies[s.SELinuxType]
	caps := 5000 + 300*len(s.DefaultAddCapabilities)
	if slices.Contains(s.AllowedCapabilities, "*") || slices.Contains(s.AllowedCapabilities, "ALL") {
		caps += 4000
	} else {
		caps += 10 * len(s.AllowedCapabilities)
	}
	if slices.Contains(s.RequiredDropCapabilities, "ALL") {
		caps -= 3000
	} else {
		caps -= 50 * len(s.RequiredDropCapabilities)
	}
	return points + min(max(caps, 0), 9999)
}

// namesAccount reports whether the constraints themselves let a pod's service account use them.
func (s *SecurityContextConstraints) namesAccount(p *pod) bool {
	for _, g := range s.Groups {
		if g == "system:authenticated" || g == "system:serviceaccounts" || g == "system:serviceaccounts:"+p.Namespace {
			return true
		}
	}
	return slices.Contains(s.Users, "system:serviceaccount:"+p.Namespace+":"+p.Pod.ServiceAccountName)
}

// admits reports whether a pod's fields conform to the constraints: maybe where that depends on fields that are not read.
func (s *SecurityContextConstraints) admits(p *pod) match {
	if s.Broken() {
		return maybe
	}
	t := &p.Pod
	m := yes
	if t.HostNetwork && !s.AllowHostNetwork {
		return no
	}
	for _, v := range t.Volumes {
		if !slices.Contains(s.Volumes, v) && !slices.Contains(s.Volumes, "*") {
			return no
		}
	}
	for _, c := range t.Security.Sysctls {
		if slices.ContainsFunc(s.ForbiddenSysctls, func(f string) bool {
			return f == c.Name || strings.HasSuffix(f, "*") && strings.HasPrefix(c.Name, f[:len(f)-1])
		}) {
			return no
		}
	}
	if len(t.Constrained) > 0 {
		m = maybe
	}
	for i := range t.Containers {
		if m = min(m, s.admitsContainer(p, &t.Containers[i])); m == no {
			return no
		}
	}
	return m
}

func (s *SecurityContextConstraints) admitsContainer(p *pod, c *Container) match {
	own := &c.Security
	switch {
	case own.Privileged == True && !s.AllowPrivileged, own.AllowEscalation == True && s.AllowEscalation == False:
		return no
	case !s.AllowHostPorts && slices.ContainsFunc(c.Ports, func(p ContainerPort) bool { return p.HostPort != 0 }):
		return no
	}
	if !slices.Contains(s.AllowedCapabilities, "*") {
		for _, a := range own.Add {
			if !slices.Contains(s.AllowedCapabilities, a) && !slices.Contains(s.DefaultAddCapabilities, a) {
				return no
			}
		}
	}
	uid := own.RunAsUser
	if uid == nil {
		uid = p.Pod.Security.RunAsUser
	}
	nonRoot := own.RunAsNonRoot
	if nonRoot == Unset {
		nonRoot = p.Pod.Security.RunAsNonRoot
	}
	switch s.RunAsUser.Type {
	case "MustRunAs":
		if uid != nil && s.RunAsUser.UID != nil && *uid != *s.RunAsUser.UID {
			return no
		}
	case "MustRunAsNonRoot":
		if uid != nil && *uid == 0 || uid == nil && nonRoot == False {
			return no
		}
	case "MustRunAsRange":
		if uid != nil {
			return s.inRange(p, *uid)
		}
	}
	return yes
}

// inRange reports whether a user is in the range of the constraints, which a namespace has in an annotation, "1000680000/10000" or
// "1000680000-1000689999", where they have none.
func (s *SecurityContextConstraints) inRange(p *pod, uid int64) match {
	if s.RunAsUser.First != nil && s.RunAsUser.Last != nil {
		return when(*s.RunAsUser.First <= uid && uid <= *s.RunAsUser.Last)
	}
	block := p.space.Annotations["openshift.io/sa.scc.uid-range"]
	for _, sep := range []string{"/", "-"} {
		a, b, found := strings.Cut(block, sep)
		first, err := strconv.ParseInt(a, 10, 64)
		second, err2 := strconv.ParseInt(b, 10, 64)
		if !found || err != nil || err2 != nil {
			continue
		}
		if sep == "/" {
			second += first - 1
		}
		return when(first <= uid && uid <= second)
	}
	if uid == 0 { // ranges that OpenShift gives begin far above
		return no
	}
	return maybe
}

// capabilities are what a container adds and drops once the constraints have put in theirs (Generate in
// capabilities/mustrunas.go).
func (s *SecurityContextConstraints) capabilities(own *ContainerSecurity) (add, drop []string) {
	add, drop = slices.Clone(own.Add), slices.Clone(own.Drop)
	for _, c := range s.DefaultAddCapabilities {
		if !slices.Contains(own.Drop, c) && !slices.Contains(add, c) {
			add = append(add, c)
		}
	}
	for _, c := range s.RequiredDropCapabilities {
		if !slices.Contains(drop, c) {
			drop = append(drop, c)
		}
	}
	return add, drop
}
