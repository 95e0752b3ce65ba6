package kube

import (
	"slices"
	"strings"
)

// What an end is to Cilium: a pod, known by its labels; a node, or a pod on the host network, which are the same to it; or an address
// outside, known by the CIDRs that hold it (Documentation/security/policy/layer3.rst).

// isHost reports whether an end is a node, or on the network of one, whose name may not be known.
func (x *end) isHost() (node string, is bool) {
	switch {
	case x.pod != nil && x.pod.Pod.HostNetwork:
		return x.pod.Pod.NodeName, true
	case x.pod == nil && x.node != nil:
		return x.node.Name, true
	}
	return "", false
}

// nodeName is where an end is, as far as it is known.
func (x *end) nodeName() string {
	if x.pod != nil {
		return x.pod.Pod.NodeName
	}
	if x.node != nil {
		return x.node.Name
	}
	return ""
}

// ownHost reports whether an end is the node that another is on: to that it is the entity host, and to others remote-node.
func (c *cilium) ownHost(self, x *end, o *observer) match {
	node, is := x.isHost()
	if !is {
		return no
	}
	mine := self.nodeName()
	if node == "" || mine == "" {
		at := x
		if mine == "" {
			at = self
		}
		if at.pod != nil {
			o.depends(Reason{Pos: at.pod.Pos, Field: "spec.nodeName of " + at.pod.String(), Words: "not known: Cilium tells a pod's own node from others"})
		}
		return maybe
	}
	return when(node == mine)
}

// held is the labels of an end that a requirement asks for.
type held struct {
	there match
	value string
	vague bool // there, with a value that is not known
	why   Reason
}

// label looks a label up.
func (c *cilium) label(self, x *end, source, key string) held {
	switch _, host := x.isHost(); {
	case host:
		return c.hostLabel(self, x, source, key)
	case x.pod != nil:
		return c.podLabel(x.pod, source, key)
	}
	return c.worldLabel(x, source, key)
}

// podLabel is a label of a pod: they are all of the source k8s (SanitizePodLabels in pkg/k8s/utils).
func (c *cilium) podLabel(p *pod, source, key string) held {
	if source != ciliumAny && source != ciliumK8s {
		return held{}
	}
	from := func(labels Labels, key string) held {
		v, there := labels[key]
		return held{there: when(there), value: v}
	}
	switch {
	case key == ciliumNamespace:
		return held{there: yes, value: p.Namespace}
	case strings.HasPrefix(key, ciliumNamespaceLabel):
		name := strings.TrimPrefix(key, ciliumNamespaceLabel)
		switch {
		case !ciliumKnows(key):
			return held{}
		case p.space.Broken():
			return held{there: maybe, why: Reason{Pos: p.space.Pos, Field: "labels of " + p.space.String(), Words: "the object has an error"}}
		case !p.space.Declared && name != NamespaceNameLabel:
			return held{there: maybe, why: Reason{Field: "label " + name + " of " + p.space.String(), Words: "no object declares the namespace"}}
		}
		return from(p.space.Labels, name)
	case key == ciliumClusterName:
		return held{there: yes, vague: true, why: Reason{Field: ciliumClusterName, Words: "the name that Cilium has for the cluster is not in the objects"}}
	case key == ciliumServiceAccount && p.Broken():
	case key == ciliumServiceAccount:
		return held{there: when(p.Pod.ServiceAccountName != ""), value: p.Pod.ServiceAccountName}
	case strings.HasPrefix(key, ciliumOwn) || !ciliumKnows(key):
		return held{}
	}
	if p.Broken() {
		return held{there: maybe, why: Reason{Pos: p.Pos, Field: "labels of " + p.String(), Words: "the object has an error"}}
	}
	return from(p.Pod.Labels, key)
}

// ciliumKnows reports whether a label of pods is among those that Cilium knows them by, where its option labels is not set
// (defaultLabelPrefixCfg in pkg/labelsfilter).
func ciliumKnows(key string) bool {
	if strings.Contains(key, "beta.kubernetes.io") {
		return false
	}
	for _, prefix := range []string{
		"io.kubernetes", "kubernetes.io", "k8s.io", "topology.kubernetes.io", "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index",
		"batch.kubernetes.io/job-completion-index", "batch.kubernetes.io/controller-uid", "pod-template-generation", "pod-template-hash",
		"controller-revision-hash", "controller-uid", "annotation", "etcd_node",
	} {
		if strings.HasPrefix(key, prefix) {
			return false
		}
	}
	return true
}

// hostLabel is a label of a node.
func (c *cilium) hostLabel(self, x *end, source, key string) held {
	if source == ciliumAny || source == ciliumReserved {
		switch key {
		case "host":
			return held{there: c.ownHost(self, x, nil), why: nodeWhy}
		case "remote-node":
			return held{there: yes - c.ownHost(self, x, nil), why: nodeWhy}
		case "kube-apiserver":
			return held{there: c.isAPI(x), why: apiWhy}
		}
	}
	if source != "node" { // by default they have no others (nodeIdentityLabels in pkg/node/manager)
		return held{}
	}
	return held{there: maybe, why: Reason{Field: "label " + key, Words: "whether Cilium knows nodes by their labels depends on its option enable-node-selector-labels"}}
}

var (
	nodeWhy = Reason{Field: "spec.nodeName", Words: "not known: Cilium tells a pod's own node from others"}
	apiWhy  = Reason{Field: "endpoints of Service default/kubernetes", Words: "not given: which addresses are the API server's is not known"}
)

// worldLabel is a label of an address outside.
func (c *cilium) worldLabel(x *end, source, key string) held {
	if source != ciliumAny && source != ciliumReserved {
		if source == ciliumK8s {
			return held{}
		}
		return held{there: maybe, why: Reason{Field: source + ":" + key, Words: "labels that Cilium makes for addresses are not known from the objects"}}
	}
	switch key {
	case "world", "world-ipv4", "world-ipv6":
		return held{there: maybe, why: Reason{Field: "reserved:" + key, Words: "depends on the families that Cilium is configured with: want the entity world, which holds in all"}}
	case "kube-apiserver":
		return held{there: c.isAPI(x), why: apiWhy}
	case "host", "remote-node":
		if len(c.e.cluster.Nodes) == 0 {
			return held{there: maybe, why: noNodesWhy}
		}
	}
	return held{}
}

var noNodesWhy = Reason{Words: "no Node object was given: whether the address is one's is not known"}

// isAPI reports whether an end is the API server.
func (c *cilium) isAPI(x *end) match {
	switch _, host := x.isHost(); {
	case x.pod != nil && !host:
		return no
	case x.name != "" || !c.apiIs:
		return maybe
	case c.api.Covers(x.addrs):
		return yes
	case c.api.Overlaps(x.addrs):
		return maybe
	}
	return no
}

// selects reports whether a selector selects an end, as it is seen from another.
func (c *cilium) selects(s *CiliumSelector, self, x *end, o *observer) match {
	result := yes
	var whys []Reason
	for i := range s.Requirements {
		q := &s.Requirements[i]
		h := c.label(self, x, q.Source, q.Key)
		m := q.met(h)
		if m == maybe {
			why := h.why
			if why.Pos.File == "" {
				why.Pos = q.Pos
			}
			whys = append(whys, why)
		}
		if result = both(result, m); result == no {
			return no
		}
	}
	for _, why := range whys {
		o.depends(why)
	}
	return result
}

func (r *CiliumRequirement) met(h held) match {
	switch {
	case h.there == maybe:
		return maybe
	case h.there == no:
		return when(r.Op == NotIn || r.Op == DoesNotExist)
	case r.Op == Exists || r.Op == DoesNotExist:
		return when(r.Op == Exists)
	case h.vague:
		return maybe
	}
	return when(slices.Contains(r.Values, h.value) == (r.Op == In))
}
