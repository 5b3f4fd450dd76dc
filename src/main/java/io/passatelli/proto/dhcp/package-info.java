/** DHCPv4 responder, RFC 2131. Loop thread only. May import: levels 0 to 3, Os and Link as interfaces only. */
@NullMarked
package io.passatelli.proto.dhcp;

import org.jspecify.annotations.NullMarked;
