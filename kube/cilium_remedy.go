package kube

// ciliumRemedy is a change that lets a flow pass that no rule admits. A NetworkPolicy does it where Cilium's selectors of the API can
// say who the peer is: nodes they cannot.
func (e *Evaluator) ciliumRemedy(self, peer *end, f *flow, d Direction) Remedy {
	if _, host := self.isHost(); host {
		return Remedy{Direction: d, Words: "a CiliumClusterwideNetworkPolicy with a nodeSelector has to admit it"}
	}
	if _, host := peer.isHost(); host {
		field, entity := "fromEntities", "remote-node"
		if d == Egress {
			field = "toEntities"
		}
		if e.cilium.ownHost(self, peer, nil) == yes {
			entity = "host"
		}
		return Remedy{Direction: d, Words: "a rule of a CiliumNetworkPolicy with " + field + ": [" + entity + "] admits nodes: blocks and selectors don't"}
	}
	return e.admitting(self.pod, peer, f, d)
}
