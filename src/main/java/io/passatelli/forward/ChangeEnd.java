package io.passatelli.forward;

import java.util.List;

/** Hears how a change of the forwards ended. Loop thread only. */
public interface ChangeEnd {
    /** What has become of each rule, in their order; immutable. */
    void onDone(List<RuleState> states);

    /** A fault of ours: some of the rules may hold. It is logged and counted already. */
    void onFault(Throwable thrown);
}
