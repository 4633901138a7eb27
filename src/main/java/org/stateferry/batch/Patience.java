package org.stateferry.batch;

import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * How someone waits for the job repository.
 *
 * @param bound for how long at most, or null for as long as it takes
 * @param stop ends the wait early
 * @param notice hears one line when the wait begins and whenever the owner changes
 */
public record Patience(@Nullable Duration bound, StopSignal stop, Consumer<String> notice) {}
