from chat.models.conversation import Conversation
from chat.models.message import Message
from chat.models.prompt import SystemPrompt
from chat.models.provider import Model, Provider

__all__ = ["Conversation", "Message", "Model", "Provider", "SystemPrompt"]
