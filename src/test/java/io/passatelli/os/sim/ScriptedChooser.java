package io.passatelli.os.sim;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Says exactly what a scenario wrote down, one answer a question and kind; what is not written is {@link Chooser#largest}. */
public final class ScriptedChooser implements Chooser {
    private final Map<Choice, Deque<Long>> script = new EnumMap<>(Choice.class);
    private final List<String> said = new ArrayList<>();

    /** The next answers to questions about {@code what}; for a yes or no, 1 or 0. */
    public ScriptedChooser then(Choice what, long... answers) {
        Deque<Long> queue = script.computeIfAbsent(what, w -> new ArrayDeque<>());
        for (long answer : answers) {
            queue.add(answer);
        }
        return this;
    }

    @Override
    public long count(Choice what, long least, long most) {
        Deque<Long> queue = script.get(what);
        if (queue == null || queue.isEmpty()) {
            return Chooser.largest().count(what, least, most);
        }
        long answer = queue.remove();
        said.add(what + " " + answer);
        if (answer < least || answer > most) {
            throw new NotAdmitted(
                    "the script says " + answer + " to " + what + ", not in [" + least + ", " + most + "]");
        }
        return answer;
    }

    @Override
    public boolean maybe(Choice what, long result) {
        return count(what, 0, 1) == 1;
    }

    @Override
    public int events(long ref, boolean certain, int must, int may) {
        return may;
    }

    @Override
    public String story() {
        return "script so far " + said + ", left " + script;
    }
}
