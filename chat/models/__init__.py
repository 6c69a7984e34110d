from chat.models.conversation import Conversation, Folder, Tag
from chat.models.message import Attachment, Message
from chat.models.prompt import PromptVersion, SystemPrompt
from chat.models.provider import HealthSample, Model, Provider

__all__ = [
    "Attachment",
    "Conversation",
    "Folder",
    "HealthSample",
    "Message",
    "Model",
    "PromptVersion",
    "Provider",
    "SystemPrompt",
    "Tag",
]
