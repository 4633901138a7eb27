package org.stateferry.testing;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/** A test that takes many seconds and is left out of a plain build: it runs from {@link Effort} 2 on, and so in CI. */
@Target({ElementType.METHOD, ElementType.TYPE})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(Thorough.Condition.class)
public @interface Thorough {
    /** Runs what is thorough where more effort was asked for. */
    final class Condition implements ExecutionCondition {
        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            return Effort.isThorough()
                    ? ConditionEvaluationResult.enabled("-Dstateferry.effort asks for it")
                    : ConditionEvaluationResult.disabled("takes long; -Dstateferry.effort=2 runs it");
        }
    }
}
