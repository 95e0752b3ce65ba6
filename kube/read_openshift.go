package kube

import (
	"net/netip"
	"strings"

	"github.com/sallyport/sallyport/kube/internal/tree"
)

// egressFirewall reads k8s.ovn.org/v1 EgressFirewall (go-controller/pkg/crd/egressfirewall/v1/types.go of OVN-Kubernetes).
func (r *reader) egressFirewall(m Meta, n *tree.Node) { r.firewall(m, n, true) }

// egressNetworkPolicy reads network.openshift.io/v1 EgressNetworkPolicy (network/v1/types.go of openshift/api).
func (r *reader) egressNetworkPolicy(m Meta, n *tree.Node) { r.firewall(m, n, false) }

func (r *reader) firewall(m Meta, n *tree.Node, ovn bool) {
	f := &EgressFirewall{Meta: m}
	r.meta = &f.Meta
	r.out.cluster.EgressFirewalls = append(r.out.cluster.EgressFirewalls, f)
	if ovn && f.Name != "default" {
		r.errorf(n, "is not named default, which is the one EgressFirewall that a namespace can have")
	}
	spec, status := r.body(n)
	if ovn {
		r.firewallStatus(status, f)
	}
	if spec == nil {
		r.errorf(n, "has no spec: want one with egress:")
		return
	}
	for k, v := range r.fields(spec) {
		if k.Value != "egress" {
			r.unknown(k, "egress")
			continue
		}
		for _, item := range r.items(v, "rules", "egress rule") {
			f.Rules = append(f.Rules, r.firewallRule(item, ovn))
		}
	}
	if g := spec.Get("egress"); g == nil || g.IsNull() {
		r.errorf(spec, "has no egress: want a list of rules")
	}
}

// firewallStatus reads what the nodes say of an EgressFirewall: one message a zone, and in older versions status.status.
func (r *reader) firewallStatus(n *tree.Node, f *EgressFirewall) {
	say := func(n *tree.Node) {
		s, ok := r.text(n)
		if !ok || s == "" || f.Status.Refused {
			return
		}
		// EgressFirewallErrorMsg in go-controller/pkg/types/const.go of OVN-Kubernetes
		f.Status = FirewallStatus{r.pos(n), strings.Contains(s, "not correctly applied"), s}
	}
	if v := n.Get("status"); v != nil {
		say(v)
	}
	if v := n.Get("messages"); v != nil {
		list := r.list(v, "messages")
		for i := range list {
			say(&list[i])
		}
	}
}

func (r *reader) firewallRule(n *tree.Node, ovn bool) EgressFirewallRule {
	rule := EgressFirewallRule{Pos: r.pos(n)}
	action := ""
	to := 0
	for k, v := range r.fields(n) {
		switch {
		case k.Value == "type":
			action, _ = r.text(v)
		case k.Value == "to":
			to = r.firewallDestination(v, &rule, ovn)
		case k.Value == "ports" && ovn:
			for _, item := range r.items(v, "ports", "port") {
				rule.Ports = append(rule.Ports, r.firewallPort(item))
			}
		case ovn:
			r.unknown(k, "type", "to", "ports")
		default:
			r.unknown(k, "type", "to")
		}
	}
	switch action {
	case "Allow":
		rule.Action = Allow
	case "Deny":
		rule.Action = Deny
	default:
		r.errorf(n, "type %q: want Allow or Deny", action)
	}
	if to != 1 {
		want := "cidrSelector or dnsName"
		if ovn {
			want = "cidrSelector, dnsName or nodeSelector"
		}
		r.errorf(n, "has %d destinations: want to: with one of %s", to, want)
	}
	return rule
}

func (r *reader) firewallDestination(n *tree.Node, rule *EgressFirewallRule, ovn bool) (count int) {
	r.push("to", 0)
	defer r.pop()
	for k, v := range r.fields(n) {
		count++
		switch {
		case k.Value == "cidrSelector":
			rule.CIDR, _ = r.prefix(v)
			p, err := netip.ParsePrefix(v.Value)
			rule.HostBits = err == nil && p != p.Masked()
		case k.Value == "dnsName":
			rule.Name, _ = r.domainName(v)
			if !ovn && strings.HasPrefix(rule.Name, "*.") {
				r.errorf(v, "%q has a wildcard, which only EgressFirewall takes: want a name", rule.Name)
			}
		case k.Value == "nodeSelector" && ovn:
			rule.NodeSelector = r.selectorField(k, v)
		default:
			count--
			known := []string{"cidrSelector", "dnsName", "nodeSelector"}
			if !ovn {
				known = known[:2]
			}
			r.unknown(k, known...)
		}
	}
	return count
}

func (r *reader) firewallPort(n *tree.Node) EgressFirewallPort {
	p := EgressFirewallPort{Pos: r.pos(n)}
	protocol := false
	for k, v := range r.fields(n) {
		switch k.Value {
		case "protocol":
			protocol = true
			p.Protocol, _ = r.protocol(v)
		case "port":
			p.Port, _ = r.portNumber(v)
		default:
			r.unknown(k, "protocol", "port")
		}
	}
	if !protocol {
		r.errorf(n, "has no protocol: want TCP, UDP or SCTP")
	}
	return p
}

// egressIP reads k8s.ovn.org/v1 EgressIP (go-controller/pkg/crd/egressip/v1/types.go of OVN-Kubernetes).
func (r *reader) egressIP(m Meta, n *tree.Node) {
	e := &EgressIP{Meta: m}
	r.meta = &e.Meta
	r.out.cluster.EgressIPs = append(r.out.cluster.EgressIPs, e)
	spec, status := r.body(n)
	if spec == nil {
		r.errorf(n, "has no spec: want one with egressIPs:")
		return
	}
	selector := false
	for k, v := range r.fields(spec) {
		switch k.Value {
		case "egressIPs":
			e.Addresses = r.addresses(v)
		case "namespaceSelector":
			selector = true
			e.NamespaceSelector = *r.selectorField(k, v)
		case "podSelector":
			e.PodSelector = r.selectorField(k, v)
		default:
			r.unknown(k, "egressIPs", "namespaceSelector", "podSelector")
		}
	}
	if !selector {
		r.errorf(spec, "has no namespaceSelector: want one ({} selects all)")
	}
	e.HasStatus = status != nil
	if items := status.Get("items"); items != nil {
		for _, item := range r.items(items, "assignments", "status: item") {
			a := EgressIPAssignment{Pos: r.pos(item)}
			if v := item.Get("node"); v != nil {
				a.Node, _ = r.text(v)
			}
			if v := item.Get("egressIP"); v != nil {
				a.Address, _ = r.address(v)
			}
			e.Assigned = append(e.Assigned, a)
		}
	}
}

// proxy reads config.openshift.io/v1 Proxy (config/v1/types_proxy.go of openshift/api).
func (r *reader) proxy(m Meta, n *tree.Node) {
	p := &Proxy{Meta: m}
	r.meta = &p.Meta
	r.out.cluster.Proxies = append(r.out.cluster.Proxies, p)
	spec, status := r.body(n)
	read := func(n *tree.Node, http, https, no *string) {
		if n == nil {
			return
		}
		for k, v := range r.fields(n) {
			switch k.Value {
			case "httpProxy":
				*http, _ = r.text(v)
				p.HTTPPos = r.pos(v)
			case "httpsProxy":
				*https, _ = r.text(v)
				p.HTTPSPos = r.pos(v)
			case "noProxy":
				*no, _ = r.text(v)
				p.NoPos = r.pos(v)
			case "trustedCA":
				if name := v.Get("name"); name != nil {
					p.TrustedCA, _ = r.text(name)
				}
			case "readinessEndpoints":
			default:
				r.unknown(k, "httpProxy", "httpsProxy", "noProxy", "trustedCA", "readinessEndpoints")
			}
		}
	}
	read(spec, &p.HTTP, &p.HTTPS, &p.No)
	read(status, &p.StatusHTTP, &p.StatusHTTPS, &p.StatusNo)
}

// scc reads security.openshift.io/v1 SecurityContextConstraints (security/v1/types.go of openshift/api), whose fields have
// no spec around them.
func (r *reader) scc(m Meta, n *tree.Node) {
	s := &SecurityContextConstraints{Meta: m}
	r.meta = &s.Meta
	r.out.cluster.SCCs = append(r.out.cluster.SCCs, s)
	bools := map[string]*bool{
		"allowPrivilegedContainer": &s.AllowPrivileged, "allowHostNetwork": &s.AllowHostNetwork, "allowHostPorts": &s.AllowHostPorts,
	}
	lists := map[string]*[]string{
		"defaultAddCapabilities": &s.DefaultAddCapabilities, "requiredDropCapabilities": &s.RequiredDropCapabilities,
		"allowedCapabilities": &s.AllowedCapabilities, "allowedUnsafeSysctls": &s.AllowedUnsafeSysctls,
		"forbiddenSysctls": &s.ForbiddenSysctls, "volumes": &s.Volumes, "users": &s.Users, "groups": &s.Groups,
	}
	for k, v := range r.fields(n) {
		if to := bools[k.Value]; to != nil {
			*to, _ = r.boolean(v)
			continue
		}
		if to := lists[k.Value]; to != nil {
			*to = r.texts(v)
			continue
		}
		switch k.Value {
		case "priority":
			if v, ok := r.integer(v); ok {
				priority := int(v)
				s.Priority = &priority
			}
		case "allowPrivilegeEscalation":
			s.AllowEscalation = r.tristate(v)
		case "defaultAllowPrivilegeEscalation":
			s.DefaultAllowEscalation = r.tristate(v)
		case "runAsUser":
			s.RunAsUser = r.runAsUser(v)
		case "seLinuxContext":
			if t := v.Get("type"); t != nil {
				s.SELinuxType, _ = r.text(t)
			}
		case "apiVersion", "kind", "metadata", "allowedFlexVolumes", "allowHostDirVolumePlugin", "allowHostPID", "allowHostIPC",
			"fsGroup", "readOnlyRootFilesystem", "seccompProfiles", "supplementalGroups", "userNamespaceLevel":
		default:
			r.unread(k)
		}
	}
}

func (r *reader) runAsUser(n *tree.Node) RunAsUserStrategy {
	r.push("runAsUser", 0)
	defer r.pop()
	s := RunAsUserStrategy{Pos: r.pos(n)}
	for k, v := range r.fields(n) {
		switch k.Value {
		case "type":
			s.Type, _ = r.text(v)
		case "uid":
			s.UID = r.int64(v)
		case "uidRangeMin":
			s.First = r.int64(v)
		case "uidRangeMax":
			s.Last = r.int64(v)
		default:
			r.unknown(k, "type", "uid", "uidRangeMin", "uidRangeMax")
		}
	}
	return s
}

// clusterNetwork reads config.openshift.io/v1 Network (config/v1/types_network.go of openshift/api). What is in use stands in the status.
func (r *reader) clusterNetwork(m Meta, n *tree.Node) {
	o := &ClusterNetwork{Meta: m}
	r.meta = &o.Meta
	r.out.cluster.Networks = append(r.out.cluster.Networks, o)
	spec, status := r.body(n)
	for _, part := range []*tree.Node{spec, status} {
		if part == nil {
			continue
		}
		for k, v := range r.fields(part) {
			switch k.Value {
			case "networkType":
				o.Type, _ = r.text(v)
			case "clusterNetwork":
				o.Pods = nil
				for _, item := range r.items(v, "networks", "clusterNetwork") {
					if c := item.Get("cidr"); c != nil {
						if p, ok := r.prefix(c); ok {
							o.Pods = append(o.Pods, p)
						}
					}
				}
			case "serviceNetwork":
				o.Services = r.prefixes(v)
			case "clusterNetworkMTU", "conditions", "externalIP", "migration", "networkDiagnostics", "serviceNodePortRange":
			default:
				r.unread(k)
			}
		}
	}
}
