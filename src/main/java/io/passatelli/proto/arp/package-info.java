/** ARP responder, RFC 826. Loop thread only. May import: levels 0 to 3, Os and Link as interfaces only. */
@NullMarked
package io.passatelli.proto.arp;

import org.jspecify.annotations.NullMarked;
