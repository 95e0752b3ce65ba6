// Package convert writes profiles as policy objects: NetworkPolicy, EgressFirewall, CiliumNetworkPolicy and Calico's NetworkPolicy.
//
//	result, err := convert.To(convert.NetworkPolicy, p, convert.Options{Namespace: "shop", Labels: map[string]string{"app": "web"}})
//	os.Stdout.Write(result.YAML())
//
// What it promises: the objects allow a socket that was not bound exactly what the profile allows it ([profile.Profile.Flows]), but for what
// the result lists ([Result.Lost]), each with the flows that were lost or gained, and with the rules of the profile that asked for them.
// Where a target cannot say what a profile says, less is allowed rather than more, unless the target never decides
// about such traffic. Rules of the profile are kept one to one, with their reasons as comments, where the target has rules of their form;
// else the fewest prefixes and rules are written that come to the same. Equal profiles give equal text.
//
// What it leaves to others: reading objects, which is package kube's, and applying them.
package convert
