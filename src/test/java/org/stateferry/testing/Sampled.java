package org.stateferry.testing;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/** A parameterized test whose cases take seconds each: a plain build runs its first case and every fifth after it. */
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(Sampled.Condition.class)
public @interface Sampled {
    /** Runs the cases that {@link Effort} takes; the others are skipped, which the report shows. */
    final class Condition implements ExecutionCondition {
        private static final Pattern INVOCATION = Pattern.compile("#(\\d+)]$");

        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            Matcher invocation = INVOCATION.matcher(context.getUniqueId());
            return !invocation.find() || Effort.takes(Integer.parseInt(invocation.group(1)) - 1)
                    ? ConditionEvaluationResult.enabled("one of the cases of this effort")
                    : ConditionEvaluationResult.disabled("left to more effort; -Dstateferry.effort=5 runs all cases");
        }
    }
}
